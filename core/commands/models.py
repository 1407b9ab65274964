"""`python -m core models`: the models of a provider, their way elsewhere, and the end of those no longer wanted."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime
from typing import Any

from core.commands import modelexport
from core.words import _


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add `models` to the command line."""
    text = "list the models of a provider; export, publish or delete one that was trained"
    parser = subparsers.add_parser("models", help=text, description=text[0].upper() + text[1:] + ".")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    listing = _verb(verbs, "list", "the models that can be trained or asked, with their last day")
    deleting = _verb(verbs, "delete", "delete a model that was trained; this cannot be undone")
    deleting.add_argument("model", metavar="MODEL", help="its full name; those of trained models begin with ft:")
    deleting.add_argument("--yes", action="store_true", help="do not ask")
    for verb, run in ((listing, _list), (deleting, _delete)):
        verb.add_argument(
            "--connection", default="local", metavar="ID", help="a connection of the app (default: local)"
        )
        verb.add_argument("--json", action="store_true", help="print one JSON object")
        verb.set_defaults(run=run)
    modelexport.add_verbs(verbs)


def _verb(verbs: Any, name: str, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = verbs.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    return parser


def _list(options: argparse.Namespace) -> int:
    from core.jobs import list_models
    from core.settings import Settings
    from core.store import Store
    from core.tokens import Catalogue

    settings = Settings.from_env()
    store = Store.open(settings)
    connection = store.jobs.connection(options.connection)
    catalogue = Catalogue.load(store.preferences.get("prices", None))
    found: list[dict[str, Any]] = []
    for model in list_models(store, settings, connection.id):
        price = catalogue.price(str(model.get("id")), str(connection.kind))
        ends = model.get("shutdown_date") or (price.answers_end.isoformat() if price and price.answers_end else None)
        found.append({"id": model.get("id"), "owned_by": model.get("owned_by"), "ends": ends})
    if options.json:
        print(json.dumps({"models": found}, ensure_ascii=False))
        return 0
    today = datetime.now(UTC).date().isoformat()
    for model in found:
        mark = "!" if model["ends"] and model["ends"] <= today else " "
        ends = _("answers until {day}", day=model["ends"]) if model["ends"] else ""
        print(f"{mark} {model['id']}  {ends}".rstrip())
    return 0


def _delete(options: argparse.Namespace) -> int:
    from core.jobs import delete_model
    from core.settings import Settings
    from core.store import Store

    if not options.yes and not options.json and sys.stdin.isatty():
        answer = input(_("Delete {model} for good? Type yes: ", model=options.model))
        if answer.strip().lower() != "yes":
            print(_("Nothing was deleted."))
            return 1
    settings = Settings.from_env()
    deleted = delete_model(Store.open(settings), settings, options.connection, options.model)
    told = _("{model} is deleted.", model=options.model)
    if not deleted:
        told = _("There is no model {model}. See them: python -m core models list", model=options.model)
    print(json.dumps({"id": options.model, "deleted": deleted}) if options.json else told)
    return 0 if deleted else 1
