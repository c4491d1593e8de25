"""Reports for people: one self-contained HTML file, its plots drawn into it.

`page(title, sections)` is the file's text; a Section holds paragraphs, tables and plots (plots.py draws them).

Law of this package: a page loads nothing from anywhere, runs no script, and is the same text for the same content.
"""

from __future__ import annotations

from streams.report.page import Plot, Section, Table, page

__all__ = ["page", "Plot", "Section", "Table"]
