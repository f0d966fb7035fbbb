"""A, B and kits of every partner in DuckDB: `load FOLDER REGISTER...`, then `rank FOLDER PREVIOUS MONTH`."""

import sys
import time
from pathlib import Path

import duckdb

from benchmarks.peers.sums import answer

# One flat table, as somebody would load the registers who has no ledger.
LOAD = """
CREATE TABLE line AS
SELECT partner_code, strftime(issued_on, '%Y-%m') AS month, product_code, quantity,
       CAST(amount * 100 AS BIGINT) AS amount
FROM read_csv($files, delim = ';', header = true, types = {'partner_code': 'VARCHAR', 'number': 'VARCHAR',
    'issued_on': 'DATE', 'quantity': 'BIGINT', 'amount': 'DECIMAL(18, 2)'})
"""
SUMS = """
SELECT partner_code,
       COALESCE(SUM(amount) FILTER (month = $previous), 0),
       COALESCE(SUM(amount) FILTER (month = $month), 0),
       COALESCE(SUM(quantity) FILTER (month = $month AND product_code = 'support-kit'), 0)
FROM line
WHERE month IN ($previous, $month)
GROUP BY partner_code
"""


def main() -> None:
    """Load once, reckon as often as asked."""
    what, folder, *rest = sys.argv[1:]
    with duckdb.connect(str(Path(folder) / "peer.duckdb")) as connection:
        began = time.perf_counter()
        if what == "load":
            connection.execute(LOAD, {"files": rest})
            rows = []
        else:
            rows = connection.execute(SUMS, dict(zip(("previous", "month"), rest, strict=True))).fetchall()
        took = time.perf_counter() - began
    answer(took, ((partner, int(a), int(b), int(kits)) for partner, a, b, kits in rows))


if __name__ == "__main__":
    main()
