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
    yield f"{len(report['rows'])} rows took {report['took_seconds'] / 60:.1f} minutes"
    first, last = report["yardsticks"]
    for name, value in first.items():
        change = last[name] / value - 1
        mark = "   the machine was not quiet: judge nothing by this run" if abs(change) > 0.15 else ""
        yield f"{name}: {value:.1f} GB/s at the start, {last[name]:.1f} at the end{mark}"


def groups_of(report):
    """The rows of each group, with the sides that any of them compares."""
    groups = {}
    for result in report["rows"]:
        groups.setdefault(result["group"], []).append(result)
    for group, rows in groups.items():
        peers = [name for name in report["peers"] if any(name in row["compares"] for row in rows)]
        limit = [LIMIT] if any(LIMIT in row["compares"] for row in rows) else []
        yield group, rows, peers, limit


def speed_tables(report):
    parts = []
    for group, rows, peers, limit in groups_of(report):
        each = peers if len(peers) > 1 else []
        head = [group, "output", OURS, *peers, *limit, *(f"ours/{name}" for name in each), "ours/peer", *(f"ours/{name}" for name in limit)]
        lines = [head]
        for result in rows:
            found = summary(result, report["peers"])
            lines.append(
                [result["what"], result["policy_short"]]
                + [seconds_text(result, side) for side in (OURS, *peers, *limit)]
                + [ratio_text(found.get(f"ours/{name}")) for name in (*each, "peer", *limit)]
            )
        parts.append(table(lines))
    return "\n\n".join(parts)


def cost_tables(report):
    parts = []
    for group, rows, peers, limit in groups_of(report):
        sides = [OURS, *peers, *limit]
        lines = [[group, "output", *(f"cpu {side}" for side in sides), *(f"MiB {side}" for side in sides), "ours/least peer"]]
        for result in rows:
            lines.append(
                [result["what"], result["policy_short"]]
                + [cpu_text(result, side) for side in sides]
                + [memory_text(result, side) for side in sides]
                + [memory_ratio_text(result, peers)]
            )
        parts.append(table(lines))
    return "\n\n".join(parts)


def memory_ratio_text(result, peers):
    """Peak memory of ours over that of the peer with the least; below a MiB nothing is said."""
    ours = result["peak_bytes"].get(OURS)
    theirs = [result["peak_bytes"][name] for name in peers if name in result["peak_bytes"]]
    if ours is None or not theirs or max(ours, *theirs) < 2**20:
        return "-"
    return f"{ours / max(min(theirs), 2**20):.2f}"


def thread_lines(report):
    """GB/s of one thread beside those of all, where both were measured."""
    known = {result["id"]: result for result in report["rows"]}
    sides = [OURS, *report["peers"], LIMIT]
    speed = lambda row, side: row["decoded_bytes"] / median(row["seconds"][side]) / 1e9  # noqa: E731
    lines = []
    for one in report["rows"]:
        every = known.get(one["pair"])
        if not every:
            continue
        for side in sides:
            if side in one["seconds"] and side in every["seconds"]:
                values = speed(one, side), speed(every, side)
                lines.append([every["what"], side, *(f"{value:.2f}" for value in values), f"{values[1] / values[0]:.2f}"])
    return [["GB/s", "side", "1 thread", "all threads", "times"], *lines] if lines else []


def chunk_lines(report):
    """What a chunk costs, where there are ever more of them."""
    sides = [OURS, *report["peers"], LIMIT]
    cost = lambda row, side: f"{1e6 * median(row['seconds'][side]) / row['chunks']:.3f}" if side in row["seconds"] else "-"  # noqa: E731
    rows = [row for row in report["rows"] if row["chunks"]]
    sides = [side for side in sides if any(side in row["seconds"] for row in rows)]
    lines = [[row["what"], ""] + [cost(row, side) for side in sides] for row in rows]
    return [["microseconds a chunk", "", *sides], *lines] if lines else []


def text(report):
    sides = [OURS, *report["peers"], LIMIT]
    parts = [
        "\n".join(machine_lines(report)),
        f"Seconds are medians of {report['rounds']} rounds (m: milliseconds); ratios are speed of ours over the other, minimum and "
        "median of the\nrounds, above 1 where ours is faster; ours/peer is against the fastest peer of each round. All values that "
        "were\nread or written were compared with the formula beforehand.",
        speed_tables(report),
        *(table(lines) for lines in (thread_lines(report), chunk_lines(report)) if lines),
        "Processor seconds of all threads, user and system, freeing included (median), and peak resident memory above idle, in\n"
        "MiB and as ours over that of the peer that needs least (at least 1 MiB):",
        cost_tables(report),
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


def stored_lines(report, sides):
    """How much each side stored, so that nobody is faster by compressing less unseen."""
    lines = [
        [result["what"], result["policy_short"]]
        + [f"{result['stored_bytes'][side] / 2**20:.1f}" if side in result["stored_bytes"] else "-" for side in sides]
        for result in report["rows"]
        if result["stored_bytes"]
    ]
    sides_that_write = [number for number, side in enumerate(sides) if any(line[number + 2] != "-" for line in lines)]
    lines = [["row", "output", *sides], *lines]
    return [line[:2] + [line[number + 2] for number in sides_that_write] for line in lines] if len(lines) > 1 else []


def slower_rows(report):
    found = []
    for result in report["rows"]:
        ratio = summary(result, report["peers"]).get("ours/peer")
        if ratio and ratio["median"] < 1:
            found.append(f"{result['id']}: {ratio['median']:.2f}")
    return found


# Okabe and Ito's colours, which survive colour blindness.
COLOURS = {
    OURS: "#0072B2", "tensorstore": "#E69F00", "zarrs": "#009E73", "zarr-python+zarrs": "#CC79A7", "blosc2": "#D55E00",
    "h5py": "#56B4E9", "numcodecs": "#F0E442",
}
BAR_INCHES = 0.17


def picture(report, path):
    """Arrays in one column, single codecs in another."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    columns = [[], []]
    for group in groups_of(report):
        columns["single codecs" in group[0]].append(group)
    columns = [column for column in columns if column]
    heights = [[len(rows) * (len(peers) + 2) + 3 for _, rows, peers, _ in column] for column in columns]
    tall = 2 + BAR_INCHES * max(sum(column) for column in heights)
    figure = pyplot.figure(figsize=(10 * len(columns), tall), layout="constrained")
    parts = figure.subfigures(1, len(columns), squeeze=False)[0]
    handles = {}
    for part, column, ratios in zip(parts, columns, heights):
        empty = max(sum(one) for one in heights) - sum(ratios)
        axes = part.subplots(len(column) + (empty > 0), 1, squeeze=False, gridspec_kw={"height_ratios": ratios + [empty] * (empty > 0)})[:, 0]
        for axis in axes[len(column):]:
            axis.axis("off")
        for axis, (group, rows, peers, _) in zip(axes, column):
            draw_group(axis, group, rows, [OURS, *peers])
            handles |= dict(zip(*reversed(axis.get_legend_handles_labels())))
    figure.legend(handles.values(), handles.keys(), loc="outside upper right", ncols=len(handles), frameon=False)
    figure.suptitle(f"Tessera {report['versions'].get(OURS, '')}: GB/s of decoded values", x=0.01, ha="left")
    machine = report["machine"]
    figure.supxlabel(
        f"GB/s, median of {report['rounds']} rounds; black line: the limit, bare C on the same machine\n"
        f"{machine['processor']}, {machine['processors']} processors, Linux {machine['kernel']}, revision {machine['revision']}",
        fontsize=9,
    )
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def draw_group(axis, group, rows, sides):
    thick = 1 / (len(sides) + 1)
    speed = lambda row, side: row["decoded_bytes"] / median(row["seconds"][side]) / 1e9  # noqa: E731
    for order, side in enumerate(sides):
        places = [place + order * thick for place in range(len(rows))]
        values = [speed(row, side) if side in row["seconds"] else 0 for row in rows]
        bars = axis.barh(places, values, thick, label=side, color=COLOURS.get(side))
        numbers = axis.bar_label(bars, [f"{value:.2g}" if value else "" for value in values], padding=2, fontsize=7)
        for number in numbers:  # above the line of the limit, which may run through its place
            number.set(zorder=5, bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6})
    for place, row in enumerate(rows):
        if LIMIT in row["seconds"]:
            end = place + (len(sides) - 0.5) * thick
            axis.vlines(speed(row, LIMIT), place - thick / 2, end, color="black", linewidth=1.5, label=LIMIT)
    middle = (len(sides) - 1) * thick / 2
    labels = [row["what"] + (f" ({row['policy_short']})" if row["policy_short"] else "") for row in rows]
    axis.set_yticks([place + middle for place in range(len(rows))], labels, fontsize=8)
    axis.set_ylim(len(rows) - thick, -thick)
    axis.set_title(group, loc="left", fontsize=10)
    axis.margins(x=0.08)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
