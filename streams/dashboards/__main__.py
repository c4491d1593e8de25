"""`python -m streams.dashboards`: write the dashboards and the page about them."""

from __future__ import annotations

from streams.dashboards.files import write

if __name__ == "__main__":
    write()
