"""The guard's round by Prefect: what is due and was not done by the normal path, and mail that cannot be delivered."""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from rasti.steward.run_limits import TIMEOUTS
from rasti.steward.run_names import MAIL_UNDELIVERED, mail_words, sweep_name
from tasks.artifacts import show_sweep
from tasks.guard import mail_trouble_now, needs_somebody, tell_of_mail
from tasks.guard import sweep as sweep_once
from tasks.naming import name_run


@flow(persist_result=False, timeout_seconds=TIMEOUTS["sweep"])
def sweep() -> State[None]:
    """One round of relay and guard, with a report of what the normal path had left undone.

    An alert that mail cannot carry has to be seen here: then the run fails, after its work is done.
    """
    report = sweep_once().as_json()
    text = ", ".join(f"{what.replace('_', ' ')} {count}" for what, count in report.items() if count)
    done = f"Done by the sweep: {text}." if text else "Nothing was left undone."
    trouble = mail_trouble_now()
    mail = mail_words(trouble) if trouble else ""
    name_run(sweep_name(text or None, mail=bool(trouble)))
    if text or mail:
        show_sweep(text, mail)
    if trouble:
        tell_of_mail(trouble)
        if needs_somebody(trouble):
            return Failed(name=MAIL_UNDELIVERED, message=f"{mail} {done}")
    return Completed(message=f"{done} {mail}".rstrip())
