"""Every named point, read from the source: two for each function that opens a transaction, and those it passes.

So is every place where something leaves the process, and that there is no way out past the clients.
"""

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

# Where the process touches what is outside. What is public there changes it, or does not.
CLIENTS = (
    *("rasti/clients/smtp.py", "rasti/clients/mailbox.py", "rasti/clients/prefect.py", "rasti/clients/inbox.py"),
    "rasti/clients/bounce_folder.py",
)

# What changes it, and the pair of points that has to stand around each call.
SIDE_EFFECTS = {
    "send": "mail",
    "create_runs": "runs",
    "delete_scheduled": "runs",
    "crash": "runs",
    "settle": "register",
    "mark_seen": "bounce",
}

HARMLESS = {
    "close": "gives a connection back",
    "sendmail": "a part of `send`",
    "try_out": "an operator's test mail, which tells nobody anything",
    "check": "asks",
    "is_up": "asks",
    "has_pool": "asks",
    "deployment_id": "asks",
    "existing": "asks",
    "runs": "asks",
    "unfinished": "asks",
    "state": "asks",
    "closes": "reads a file's name",
    "load_sources": "reads",
    "registers_in": "reads",
    "read_mailbox": "reads",
    "read_letter": "reads",
    "open_bounce_folder": "reads",
    "unseen": "reads",
    "prefect_api": "opens a connection",
    "open_quickly": "opens a connection",
    "make_pool": "at the start of `rasti up`, and again at the next one",
    "start_run": "an operator's button, asked for again by whoever pressed it; noted in the ledger",
    "write_letter": "the mailbox's own part of `send`",
    "mail_server": "the demo's mail server: the other side",
}

# By these something would leave the process past the clients.
OUTWARD_MODULES = {"smtplib", "httpx", "socket", "subprocess", "shutil", "urllib", "requests", "tempfile"}
OUTWARD_CALLS = {"write_text", "write_bytes", "rename", "unlink", "mkdir", "touch", "link", "send_message", "commit"}
INWARD = ("rasti/ledger", "rasti/steward", "rasti/rules", "tasks", "flows")
BOOK = "rasti/ledger/book.py"  # the only one that commits


def all_points() -> list[str]:
    """Every point on the way of a lead."""
    found = set()
    for path, function in functions():
        for call in _calls(function):
            if _opens_transaction(call):
                if str(path) not in ELSEWHERE:
                    found |= {f"{function.name}.before_commit", f"{function.name}.after_commit"}
            elif _is_point(call):
                found.add(call.args[0].value)
    return sorted(found)


def side_effects() -> list[tuple[str, str, str, str]]:
    """Where something leaves the process: the place, the call, and the points right before and right after it."""
    found = []
    for path, function in functions():
        if str(path) not in CLIENTS:
            around = _points_around(function)
            for call in _calls(function):
                if (name := _called(call)) in SIDE_EFFECTS:
                    before, after = around.get(call, ("", ""))
                    found.append((f"{path}:{function.name}", name, before, after))
    return found


def public_names() -> set[str]:
    """What the clients offer to the rest."""
    found = set()
    for client in CLIENTS:
        for node in ast.parse((ROOT / client).read_text("utf-8")).body:
            members = node.body if isinstance(node, ast.ClassDef) else [node]
            found |= {member.name for member in members if isinstance(member, ast.FunctionDef)}
    return {name for name in found if not name.startswith("_")}


def ways_past_the_clients() -> list[str]:
    """Imports and calls by which the inner parts would reach outside by themselves."""
    found = []
    for path in (path for part in INWARD for path in sorted((ROOT / part).rglob("*.py"))):
        file = str(path.relative_to(ROOT))
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import | ast.ImportFrom):
                imported = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [str(node.module)]
                found += [f"{file} imports {name}" for name in imported if name.split(".")[0] in OUTWARD_MODULES]
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                name = ast.unparse(node.func)
                if node.func.attr in OUTWARD_CALLS and (file, name) != (BOOK, "session.commit"):
                    found.append(f"{file} calls {name}")
    return found


def functions() -> Iterator[tuple[Path, ast.FunctionDef]]:
    for source in SOURCES:
        for path in sorted((ROOT / source).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.FunctionDef):
                    yield path.relative_to(ROOT), node


def _opens_transaction(call: ast.Call) -> bool:
    """`book.write()`, whatever the book is called, or a change that is settled; named for the function it is in."""
    name = ast.unparse(call.func)
    return (name.endswith(".write") and not call.args) or name == "change_settled"


def _called(call: ast.Call) -> str:
    """The name of what is called on a client; a transaction's `send` is the outbox's, and stays in the database."""
    if isinstance(call.func, ast.Name):
        return call.func.id if call.func.id == "settle" else ""
    if isinstance(call.func, ast.Attribute) and ast.unparse(call.func.value) != "tx":
        return call.func.attr
    return ""


def _points_around(function: ast.FunctionDef) -> dict[ast.Call, tuple[str, str]]:
    """For each call in a statement of its own: the points that are the statements right before and right after it."""
    found = {}
    for node in ast.walk(function):
        for field in ("body", "orelse", "finalbody"):
            block = getattr(node, field, [])
            for number, statement in enumerate(block if isinstance(block, list) else []):
                if isinstance(statement, ast.Expr | ast.Assign | ast.AnnAssign | ast.AugAssign):
                    around = _point(block, number - 1), _point(block, number + 1)
                    found |= {call: around for call in ast.walk(statement) if isinstance(call, ast.Call)}
    return found


def _point(block: list[ast.stmt], number: int) -> str:
    statement = block[number] if 0 <= number < len(block) else None
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call) and _is_point(statement.value):
        name: str = statement.value.args[0].value  # type: ignore[attr-defined]
        return name
    return ""


def _is_point(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and call.func.attr == "reach" and isinstance(call.args[0], ast.Constant)


def _calls(function: ast.FunctionDef) -> Iterator[ast.Call]:
    return (node for node in ast.walk(function) if isinstance(node, ast.Call))
