"""Formats the report of a run."""

import collections


def percentile(values, percent):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * percent / 100))]


def columns(head, rows):
    lines = [head, *rows]
    widths = [max(len(str(line[at])) for line in lines) for at in range(len(head))]
    return "\n".join("  " + "  ".join(str(cell).ljust(width) if at == 0 else str(cell).rjust(width)
                                      for at, (cell, width) in enumerate(zip(line, widths))).rstrip() for line in lines)


def latencies(seconds):
    """p50 and p99 of good requests without and with the attack."""
    rows = []
    for kind in sorted({kind for kind, _ in seconds}):
        quiet, attack = seconds.get((kind, "quiet")), seconds.get((kind, "attack"))
        if quiet and attack:
            figures = [percentile(values, percent) * 1000 for percent in (50, 99) for values in (quiet, attack)]
            rows.append([kind, len(quiet), len(attack), *(f"{figure:.1f}" for figure in figures), f"{figures[3] / figures[2]:.1f}"])
    return "Good requests, ms, without and with the attack\n" + columns(
        ["kind", "n without", "n with", "p50 without", "p50 with", "p99 without", "p99 with", "p99 ratio"], rows)


def outcomes(counts):
    """One line for each scenario."""
    scenarios = collections.defaultdict(dict)
    for key, count in counts.items():
        scenario, _, outcome = key.partition(": ")
        scenarios[scenario][outcome] = count
    return "Bad callers, and what they got\n" + "\n".join(
        f"  {scenario}: " + ", ".join(f"{count:,} × {outcome}" for outcome, count in sorted(by.items(), key=lambda it: -it[1]))
        for scenario, by in sorted(scenarios.items()))


def counted(title, counts):
    return title + "\n" + ("\n".join(f"  {key}: {count:,}" for key, count in sorted(counts.items())) or "  none")


def memory(samples, shown=10):
    """Private memory and descriptors over time. A sample is the time in seconds, the phase, and one entry for each place."""
    step = max(1, len(samples) // shown)
    rows = [[f"{at:,.0f} s", phase, *(f"{dirty // 1024:,} / {pss // 1024:,} / {descriptors}" for descriptors, pss, dirty in held.values())]
            for at, phase, held in [*samples[::step], samples[-1]]]
    peaks = ["most", "", *(" / ".join(f"{max(sample[2][place][which] for sample in samples) // unit:,}" for which, unit in ((2, 1024), (1, 1024), (0, 1)))
                           for place in samples[0][2])]
    return "Private memory in KiB / Pss in KiB / descriptors\n" + columns(["at", "phase", *samples[0][2]], [*rows, peaks])
