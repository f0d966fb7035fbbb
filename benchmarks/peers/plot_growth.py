"""Time and memory over size, from JSON on stdin {system: [[lines, seconds, MB], ...]} into an SVG."""

import json
import sys

import matplotlib as mpl

mpl.use("svg")
import matplotlib.pyplot as plt


def main() -> None:
    """Two pictures side by side, all axes logarithmic."""
    grown = json.load(sys.stdin)
    mpl.rcParams |= {"svg.hashsalt": "rasti", "font.size": 9}
    figure, (times, memory) = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
    for system, points in sorted(grown.items()):
        sizes, seconds, peaks = zip(*points, strict=True)
        times.plot(sizes, seconds, marker="o", label=system)
        memory.plot(sizes, peaks, marker="o", label=system)
    for axes, title in ((times, "seconds"), (memory, "peak memory of the process, MB")):
        axes.set(title=title, xlabel="invoice lines", xscale="log", yscale="log")
        axes.grid(visible=True, which="major", alpha=0.3)
    times.legend()
    figure.savefig(sys.argv[1], metadata={"Date": None})


if __name__ == "__main__":
    main()
