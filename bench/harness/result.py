"""Figures of a run: medians over the rounds, tables for people, JSON for programs."""
import json
import statistics
import sys


def say(text):
    print(text, file=sys.stderr, flush=True)


def median(values):
    values = [value for value in values if value is not None]
    return statistics.median(values) if values else None


def digits(value):
    """Three digits that mean something."""
    if value is None or isinstance(value, str):
        return value
    if value == 0 or abs(value) >= 1000:
        return round(value)
    return float(f"{value:.3g}")


class Figures:
    """Values by key in the order of their first coming, one for each round."""

    def __init__(self):
        self.rounds = {}
        self.notes = []

    def add(self, key, value):
        self.rounds.setdefault(key, []).append(value)

    def note(self, text):
        if text not in self.notes:
            self.notes.append(text)
            say(f"note: {text}")

    def medians(self):
        return {key: digits(median(values)) for key, values in self.rounds.items()}

    def write(self, path, machine, **more):
        result = {"machine": machine, **more, "figures": self.medians(), "notes": self.notes,
                  "rounds": {key: [digits(value) for value in values]
                             for key, values in self.rounds.items()}}
        text = json.dumps(result, indent=1) + "\n"
        if str(path) == "-":
            print(text, end="")
        else:
            path.write_text(text)


def table(rows, out=sys.stdout):
    """Rows of texts, the first the head; Markdown, with columns that stand under each other."""
    texts = [[show(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in texts) for i in range(len(texts[0]))]
    for number, row in enumerate(texts):
        cells = [row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:]))]
        print("| " + " | ".join(cells) + " |", file=out)
        if number == 0:
            print("|" + "|".join("-" * (width + 2) for width in widths) + "|", file=out)


def show(cell):
    value = digits(cell)
    if value is None:
        return "-"
    return value if isinstance(value, str) else f"{value:g}" if abs(value) < 1e6 else f"{value:,}"
