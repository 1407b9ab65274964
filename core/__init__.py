"""Luopan's core: plain Python that converts, checks, counts, trains and scores. It never imports streamlit."""
