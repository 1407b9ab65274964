"""Examples: how they are read from files, mapped, edited, split and written again."""
