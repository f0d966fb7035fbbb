"""Every named point, read from the source: two for each function that opens a transaction, and those it passes."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
SOURCES = ("rasti", "tasks", "flows")

# Not on the way of a lead: nothing is sent, nobody's leads change; a broken one is asked for again by whoever asked.
ELSEWHERE = {
    "rasti/ledger/operators.py": "who may work at the desk",
    "rasti/ledger/sessions.py": "who is signed in",
    "rasti/ledger/sign_in.py": "the link to sign in",
    "rasti/ledger/profiles.py": "what a partner writes about itself",
    "rasti/ledger/tokens.py": "who may use the API",
    "rasti/ledger/uploads.py": "a file before it is imported",
    "rasti/ledger/restored.py": "a backup, before it becomes the database",
    "rasti/ledger/run_requests.py": "an operator's button, noted",
}

# Calls by which something leaves the process, and the pair of points that has to stand around each.
SIDE_EFFECTS = {
    "post.send": "mail",
    "prefect.create_runs": "runs",
    "prefect.delete_scheduled": "runs",
    "prefect.crash": "runs",
    "settle": "register",
}


def all_points() -> list[str]:
    """Every point on the way of a lead."""
    found = set()
    for path, function in functions():
        for call in _calls(function):
            name = ast.unparse(call.func)
            if name.endswith(".write") and name.split(".")[0] in ("book", "self"):
                if str(path) not in ELSEWHERE:
                    found |= {f"{function.name}.before_commit", f"{function.name}.after_commit"}
            elif name.endswith(".reach") and isinstance(call.args[0], ast.Constant):
                found.add(call.args[0].value)
    return sorted(found)


def side_effects() -> list[tuple[str, str, list[str]]]:
    """Where something leaves the process: the place, the call, and the points that its function passes."""
    found = []
    for path, function in functions():
        calls = list(_calls(function))
        points = [call.args[0].value for call in calls if _is_point(call)]
        for call in calls:
            name = ast.unparse(call.func)
            if name in SIDE_EFFECTS:
                found.append((f"{path}:{function.name}", name, points))
    return found


def functions() -> Iterator[tuple[Path, ast.FunctionDef]]:
    for source in SOURCES:
        for path in sorted((ROOT / source).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.FunctionDef):
                    yield path.relative_to(ROOT), node


def _is_point(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and call.func.attr == "reach" and isinstance(call.args[0], ast.Constant)


def _calls(function: ast.FunctionDef) -> Iterator[ast.Call]:
    return (node for node in ast.walk(function) if isinstance(node, ast.Call))
