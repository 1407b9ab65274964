"""Checks: the rules of each training format, collected as issues and never raised."""
