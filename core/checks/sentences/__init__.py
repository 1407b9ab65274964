"""The sentences of every issue, by what they are about. Codes are stable: stores and scripts remember them.

Fields in braces are filled from the issue: its `seen` and `field`, and the parameters named where the issue is made.
"""
