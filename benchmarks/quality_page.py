"""Writes the generated sections of ``docs/quality.md``: the table of the rule, and the tables of all records.

python benchmarks/quality_page.py
"""

from __future__ import annotations

from pathlib import Path

from quality_tables import markdown, read_records

from paradime.models import network_scale
from paradime.training import batch_size_for, steps_for

PAGE = Path(__file__).resolve().parents[1] / "docs" / "quality.md"
SIZES = (200, 2_000, 60_000, 581_012)


def rule() -> str:
    """Returns the rule as a table, with its values for some numbers of rows."""
    scales = {n: network_scale(n, 50) for n in SIZES}
    rows = [
        (
            "rows in a batch",
            "a quarter of n, as a power of 2 from 32 to 512",
            (f"{batch_size_for(n)}" for n in SIZES),
            "`paradime.training.batch_size_for`",
        ),
        (
            "steps",
            "3,000 (n/60,000)^0.4, at least 1,500",
            (f"{steps_for(n):,}" for n in SIZES),
            "`paradime.training.steps_for`",
        ),
        (
            "hidden layers",
            "three, wider for larger data",
            (" · ".join(str(width) for width in scales[n][0]) for n in SIZES),
            "`paradime.models.network_scale`",
        ),
        (
            "centres",
            "one for 20 rows, from 16 to 500; for 300 rows where these are more, up to 2,000",
            (f"{scales[n][1]}" for n in SIZES),
            "`paradime.models.network_scale`",
        ),
    ]
    head = f"| what | rule | at n = {' / '.join(f'{n:,}' for n in SIZES)} | where |\n|---|---|---|---|\n"
    return head + "\n".join(
        f"| {name} | {formula} | {' / '.join(numbers)} | {where} |" for name, formula, numbers, where in rows
    )


def filled(page: str, **sections: str) -> str:
    """Returns a page with the text between the marks of each name replaced."""
    for name, text in sections.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        before, rest = page.split(begin)
        page = f"{before}{begin}\n{text.strip()}\n\n{end}{rest.split(end)[1]}"
    return page


if __name__ == "__main__":
    PAGE.write_text(
        filled(PAGE.read_text(encoding="utf-8"), rule=rule(), results=markdown(read_records())), encoding="utf-8"
    )
