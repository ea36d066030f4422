"""Files that appear whole or not at all."""

from sqnn.files.whole import whole_file, write_text

__all__ = ["whole_file", "write_text"]
