"""Tokens and prices: exact counts offline, default epochs, and what a training would cost."""
