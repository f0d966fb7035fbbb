"""A, B and kits of every partner in polars: `load FOLDER REGISTER...`, then `rank FOLDER PREVIOUS MONTH`."""

import sys
import time
from pathlib import Path

import polars as pl

from benchmarks.peers.sums import answer


def main() -> None:
    """Load once into Parquet, polars' own way to keep a table; reckon as often as asked."""
    what, folder, *rest = sys.argv[1:]
    path = Path(folder) / "peer.parquet"
    began = time.perf_counter()
    if what == "load":
        _load(rest, path)
        rows = []
    else:
        rows = _sums(path, *rest)
    answer(time.perf_counter() - began, rows)


def _load(registers: list[str], path: Path) -> None:
    types = {"amount": pl.Decimal(18, 2), "quantity": pl.Int64, "issued_on": pl.String}
    lines = pl.scan_csv(registers, separator=";", schema_overrides=types)
    lines.select(
        "partner_code",
        pl.col("issued_on").str.slice(0, 7).alias("month"),
        "product_code",
        "quantity",
        (pl.col("amount") * 100).cast(pl.Int64).alias("amount"),
    ).sink_parquet(path)


def _sums(path: Path, previous: str, month: str) -> list[tuple[str, int, int, int]]:
    of_month = pl.col("month") == month
    sums = (
        pl.scan_parquet(path)
        .filter(pl.col("month").is_in([previous, month]))
        .group_by("partner_code")
        .agg(
            pl.col("amount").filter(pl.col("month") == previous).sum().alias("a"),
            pl.col("amount").filter(of_month).sum().alias("b"),
            pl.col("quantity").filter(of_month & (pl.col("product_code") == "support-kit")).sum().alias("kits"),
        )
    )
    return sums.collect().rows()


if __name__ == "__main__":
    main()
