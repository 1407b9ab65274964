"""The overview of the Check page tells what stands behind the other tabs, and looks for all of it at once."""

from __future__ import annotations

import json

from pagedriver import HOSTILE, Open

from core.dataset.examples import Draft, Kind
from core.settings import Settings
from core.store import Store
from core.tasks.handlers import HANDLERS
from core.tasks.work import Work
from pages.parts import frame


def test_one_button_looks_for_all_and_each_line_leads_to_its_tab(
    open_page: Open, store: Store, settings: Settings
) -> None:
    dataset = store.create_dataset("Desk", Kind.CHAT)
    asked = ["Call 13812345678", "Call 13812345678", f"Hidden\u200bsign {HOSTILE}"]
    said = [[{"role": "user", "content": text}, {"role": "assistant", "content": "yes"}] for text in asked]
    store.add_drafts(dataset.id, [Draft(json.dumps({"messages": messages}), Kind.CHAT) for messages in said])
    store.finish_import(dataset.id)
    page = open_page(frame.CHECK, dataset=str(dataset.id))
    assert page.says("not looked for yet")
    page.click("Look for all of this")
    waiting = store.tasks.active()
    assert sorted(task.kind for task in waiting) == ["doubt", "relate", "scan"] and page.says("being looked for …")
    for task in waiting:
        begun = store.tasks.begin(task.id)
        assert begun is not None
        HANDLERS[task.kind].steps[0](Work(store, settings, begun, lambda: None))
        store.tasks.finish(task.id, "succeeded")
    page.run()
    assert page.says("Exact repeats · 1") and page.says("2 finds of personal data or secrets; 1 odd character")
    assert page.says("nothing found") and not page.says("Look for all of this") and page.unescaped(HOSTILE) == []
    page.app.button(key="look_scan").click()
    page.run()
    assert page.app.session_state["check_tab"] == "Privacy and languages"
