"""The results as a text table, as JSON and as a picture. Ratios are of speeds: above 1, ours is faster."""

from statistics import median

LIMIT, OURS = "limit", "tessera"


def ratios(result, other):
    """Speed of ours over that of another side, or of the best of several, round by round."""
    ours = result["seconds"].get(OURS)
    others = [result["seconds"][name] for name in other if name in result["seconds"]]
    if not ours or not others:
        return None
    return [min(theirs) / mine for mine, *theirs in zip(ours, *others)]


def summary(result, peers):
    """{"ours/NAME": {"min": ..., "median": ...}} for each peer, the best of them in each round, and the limit."""
    pairs = {name: [name] for name in peers}
    pairs |= {"peer": peers, LIMIT: [LIMIT]}
    found = {}
    for name, sides in pairs.items():
        values = ratios(result, sides)
        if values:
            found[f"ours/{name}"] = {"min": min(values), "median": median(values)}
    return found


def seconds_text(result, side):
    values = result["seconds"].get(side)
    if not values:
        return "-"
    middle = median(values)
    return f"{middle:.3f}" if middle >= 0.1 else f"{1e3 * middle:.1f}m"


def ratio_text(ratio):
    return f"{ratio['min']:.2f} {ratio['median']:.2f}" if ratio else "-"


def cpu_text(result, side):
    values = result["cpu_seconds"].get(side)
    return f"{median(values):.2f}" if values else "-"


def memory_text(result, side):
    value = result["peak_bytes"].get(side)
    return "-" if value is None else f"{value / 2**20:.0f}"


def table(lines):
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) if i < 2 else cell.rjust(width) for i, (cell, width) in enumerate(zip(line, widths))).rstrip()
        for line in lines
    )


def machine_lines(report):
    machine = report["machine"]
    yield (
        f"{machine['processor']}, {machine['processors']} processors, {machine['memory_bytes'] / 2**30:.0f} GiB, "
        f"Linux {machine['kernel']}, {machine['system']}, huge pages {machine['huge_pages']}"
    )
    yield "versions: " + ", ".join(f"{name} {version}" for name, version in report["versions"].items()) + (
        f"; {machine['compiler']}, libzstd {machine['libzstd']}, revision {machine['revision']}"
    )
    yield f"written to {report['out']} ({report['out_file_system']}); read from the page cache; load at start {machine['load']:.2f}"
    first, last = report["yardsticks"]
    for name, value in first.items():
        change = last[name] / value - 1
        mark = "   the machine was not quiet: judge nothing by this run" if abs(change) > 0.15 else ""
        yield f"{name}: {value:.1f} GB/s at the start, {last[name]:.1f} at the end{mark}"


def text(report):
    peers = report["peers"]
    sides = [OURS, *peers, LIMIT]
    head = ["row", "output"] + sides + [f"ours/{name}" for name in peers] + ["ours/peer", f"ours/{LIMIT}"]
    lines = [head]
    for result in report["rows"]:
        found = summary(result, peers)
        lines.append(
            [result["what"], result["policy_short"]]
            + [seconds_text(result, side) for side in sides]
            + [ratio_text(found.get(f"ours/{name}")) for name in (*peers, "peer", LIMIT)]
        )
    parts = [
        "\n".join(machine_lines(report)),
        f"Seconds are medians of {report['rounds']} rounds (m: milliseconds); ratios are speed of ours over the other, minimum and "
        "median of the\nrounds, above 1 where ours is faster; ours/peer is against the fastest peer of each round. All values that "
        "were\nread or written were compared with the formula beforehand.",
        table(lines),
        "Processor seconds of all threads, user and system, freeing included (median), and peak resident memory above idle:",
        table(cost_lines(report, sides)),
    ]
    stored = stored_lines(report, sides)
    if stored:
        parts.append("MiB in the files that each side wrote:\n" + table(stored))
    failures = [f"{result['id']}: {side}: {why}" for result in report["rows"] for side, why in result["failures"].items()]
    if failures:
        parts.append("failed:\n" + "\n".join("  " + line for line in failures))
    slower = slower_rows(report)
    if slower:
        parts.append("slower than the fastest peer (median):\n" + "\n".join("  " + line for line in slower))
    return "\n\n".join(parts) + "\n"


def cost_lines(report, sides):
    lines = [["row", "output"] + [f"cpu {side}" for side in sides] + [f"MiB {side}" for side in sides]]
    for result in report["rows"]:
        lines.append(
            [result["what"], result["policy_short"]]
            + [cpu_text(result, side) for side in sides]
            + [memory_text(result, side) for side in sides]
        )
    return lines


def stored_lines(report, sides):
    """How much each side stored, so that nobody is faster by compressing less unseen."""
    lines = [
        [result["what"], result["policy_short"]]
        + [f"{result['stored_bytes'][side] / 2**20:.1f}" if side in result["stored_bytes"] else "-" for side in sides]
        for result in report["rows"]
        if result["stored_bytes"]
    ]
    return [["row", "output", *sides], *lines] if lines else []


def slower_rows(report):
    found = []
    for result in report["rows"]:
        ratio = summary(result, report["peers"]).get("ours/peer")
        if ratio and ratio["median"] < 1:
            found.append(f"{result['id']}: {ratio['median']:.2f}")
    return found


# Okabe and Ito's colours, which survive colour blindness.
COLOURS = {OURS: "#0072B2", "tensorstore": "#E69F00", "zarrs": "#009E73", "zarr-python+zarrs": "#CC79A7"}


def picture(report, path):
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    groups = {}
    for result in report["rows"]:
        groups.setdefault(result["group"], []).append(result)
    sides = [OURS, *report["peers"]]
    heights = [len(rows) * (len(sides) + 1) for rows in groups.values()]
    figure, axes = pyplot.subplots(
        len(groups), 1, figsize=(10, 2 + 0.17 * sum(heights)), squeeze=False,
        gridspec_kw={"height_ratios": heights}, layout="constrained",
    )
    for axis, (group, rows) in zip(axes[:, 0], groups.items()):
        draw_group(axis, group, rows, sides)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=len(labels), frameon=False)
    figure.suptitle(f"Tessera {report['versions'].get(OURS, '')}: 1024^3 uint16, GB/s of decoded values", x=0.01, ha="left")
    machine = report["machine"]
    axes[-1, 0].set_xlabel(
        f"GB/s, median of {report['rounds']} rounds; black line: the limit, bare C on the same machine\n"
        f"{machine['processor']}, {machine['processors']} processors, Linux {machine['kernel']}, revision {machine['revision']}"
    )
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def draw_group(axis, group, rows, sides):
    thick = 1 / (len(sides) + 1)
    speed = lambda row, side: row["decoded_bytes"] / median(row["seconds"][side]) / 1e9  # noqa: E731
    for number, side in enumerate(sides):
        places = [place + number * thick for place in range(len(rows))]
        values = [speed(row, side) if side in row["seconds"] else 0 for row in rows]
        bars = axis.barh(places, values, thick, label=side, color=COLOURS.get(side))
        axis.bar_label(bars, [f"{value:.2g}" if value else "" for value in values], padding=2, fontsize=7)
    tops = [place - thick / 2 for place in range(len(rows))]
    ends = [place + (len(sides) - 0.5) * thick for place in range(len(rows))]
    if all(LIMIT in row["seconds"] for row in rows):
        axis.vlines([speed(row, LIMIT) for row in rows], tops, ends, color="black", linewidth=1.5, label=LIMIT)
    middle = (len(sides) - 1) * thick / 2
    labels = [row["what"] + (f" ({row['policy_short']})" if row["group"] == "read whole" else "") for row in rows]
    axis.set_yticks([place + middle for place in range(len(rows))], labels)
    axis.invert_yaxis()
    axis.set_title(group, loc="left", fontsize=10)
    axis.margins(x=0.08)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
