"""The store: the one place that knows a database is there."""
