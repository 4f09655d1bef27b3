"""Tables as text, pages, and files that are written whole."""
