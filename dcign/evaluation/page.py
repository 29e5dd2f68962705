"""An evaluation as one HTML page that needs nothing else: figures inside, no scripts, no fonts."""

import base64
import re
from html import escape

from dcign.evaluate import Report
from dcign.evaluation.figures import Figure
from dcign.evaluation.tables import Table, steps, tables
from facegen.pictures import png_bytes

STYLE = """
:root { color-scheme: light; }
body { margin: 0 auto; padding: 2.5rem 1.5rem 4rem; max-width: 72rem; color: #1f2328;
  background: #fbfaf8; font: 16px/1.55 Georgia, 'Times New Roman', serif; }
h1 { font-size: 1.9rem; margin: 0 0 .3rem; line-height: 1.2; }
h2 { font-size: 1.25rem; margin: 2.6rem 0 .7rem; line-height: 1.3; }
p { max-width: 46rem; margin: .4rem 0 .8rem; }
.run, .note { color: #5b6068; }
.note { font-size: .92rem; }
.sheet { overflow-x: auto; }
table { border-collapse: collapse; font: 14px/1.4 system-ui, 'Helvetica Neue', Arial, sans-serif;
  font-variant-numeric: tabular-nums; border-top: 2px solid #1f2328;
  border-bottom: 2px solid #1f2328; }
th, td { padding: .34rem .9rem; text-align: right; vertical-align: top; }
th:first-child, td:first-child { text-align: left; padding-left: .2rem; max-width: 27rem; }
thead th { border-bottom: 1px solid #1f2328; font-weight: 600; }
tbody tr + tr.main td { border-top: 1px solid #e3e1dc; }
tr.aside td { color: #6e7178; }
tr.aside td:first-child { padding-left: 1.6rem; }
figure { margin: 0; }
figure img { max-width: 100%; height: auto; border: 1px solid #e3e1dc; background: #fff; }
figcaption { font-size: .92rem; color: #5b6068; max-width: 46rem; margin: .5rem 0 0; }
@media print { body { background: #fff; } h2 { break-after: avoid; } }
"""

SHADE = (59, 110, 165)
"""Of a total effect of 1."""

EFFECTS = "Total effect"
"""How the title of the table begins whose cells are shaded by their value."""


def page(report: Report, pictures: list[Figure]) -> str:
    """The HTML of a report: the important table first, then the figures, then the other tables."""
    found = tables(report)
    (first, main), *others = found.items()
    units = "" if report.named_units else "; units assigned to factors by mutual information"
    parts = [
        f"<h1>{escape(report.run)}</h1>",
        f'<p class="run">Method {escape(report.method)}, told {escape(report.supervision)}{units}; '
        f"{steps(report)}. {report.test_images:,} test images of {escape(report.data)} "
        f"({report.data_fingerprint}), read-outs fitted on {report.train_images:,} training images."
        "</p>",
        _section(first, main),
        *(_figure(figure) for figure in pictures),
        *(_section(title, table) for title, table in others),
        "<h2>How this was measured</h2>",
        f"<p>{escape(report.protocol)}</p>",
        *(f'<p class="note">Skipped: {escape(line)}</p>' for line in report.skipped),
    ]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(report.run)}, evaluated</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body>\n</html>\n"
    )


def png(figure: Figure) -> bytes:
    """A figure's PNG file."""
    return png_bytes(figure.picture, small=True)


def _figure(figure: Figure) -> str:
    inside = base64.b64encode(png(figure)).decode()
    width, height = figure.picture.size
    return (
        f"<h2>{escape(figure.title)}</h2>\n<figure>"
        f'<img src="data:image/png;base64,{inside}" width="{width}" height="{height}" '
        f'alt="{escape(figure.title)}">'
        f"<figcaption>{escape(figure.caption)}</figcaption></figure>"
    )


def _section(title: str, table: Table) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in table[0])
    shaded = title.startswith(EFFECTS)
    rows = []
    for row in table[1:]:
        kind = "aside" if row[0].startswith(" ") else "main"
        cells = "".join(_cell(cell, shaded and place > 0) for place, cell in enumerate(row))
        rows.append(f'<tr class="{kind}">{cells}</tr>')
    return (
        f'<h2>{escape(title)}</h2>\n<div class="sheet"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _cell(text: str, shaded: bool) -> str:
    if not (shaded and re.fullmatch(r"-?\d+\.\d+", text)):
        return f"<td>{escape(text.strip())}</td>"
    share = min(max(float(text), 0.0), 1.0)
    colour = ", ".join(str(round(255 + share * (part - 255))) for part in SHADE)
    ink = "#fff" if share > 0.6 else "#1f2328"
    return f'<td style="background: rgb({colour}); color: {ink}">{escape(text)}</td>'
