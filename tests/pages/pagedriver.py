"""What the tests of the pages look through: a page without a browser, and an app in full swing."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Element

from core import evaluation, jobs, tasks
from core.evaluation import Evaluation, EvaluationDraft, ModelRef
from core.jobs import Job, JobDraft
from core.settings import Settings
from core.store import Dataset, Store
from pages.parts.text import JOINER
from tests.waiting import wait_for

ROOT = Path(__file__).resolve().parents[2]
# What a file or a model may hold: a picture that calls home, a script, a formula, colours, a link.
HOSTILE = "![x](http://evil.test/x.png) <script>alert(1)</script> $\\frac{1}{2}$ :red[red] [a](http://evil.test)"


class Page:
    """A page in a browser that is not there: what stands on it, and what can be done on it."""

    def __init__(self, path: str, lang: str = "en", **parameters: str) -> None:
        self.app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=30)
        for name, value in {"lang": lang, **parameters}.items():
            self.app.query_params[name] = value
        self.app.switch_page(path)
        self.run()

    def run(self) -> Page:
        """Draw the page (again). No page may end in a traceback."""
        self.app.run()
        assert not self.app.exception, self.app.exception
        return self

    def click(self, label: str, place: int = 0) -> Page:
        """Press the button of this label."""
        found = [button for button in self.app.button if button.label == label]
        assert found, f"no button {label!r} among {[button.label for button in self.app.button]}"
        assert not found[place].disabled, f"{label!r} cannot be pressed"
        found[place].click()
        return self.run()

    def goes_to(self, path: str) -> Page:
        """Follow the navigation."""
        self.app.switch_page(path)
        return self.run()

    @property
    def title(self) -> str:
        return str(self.app.title[0].value)

    @property
    def errors(self) -> str:
        """The sentences in red, as a person reads them."""
        return "\n".join(plain(element.value) for element in self.app.error)

    @property
    def links(self) -> list[str]:
        """The labels of the links to other pages."""
        return [element.proto.label for element in self.app.get("page_link")]

    @property
    def elements(self) -> list[Element]:
        """All that was sent to the browser."""
        return [element for element in self.app._tree if isinstance(element, Element) and hasattr(element, "proto")]

    def says(self, text: str) -> bool:
        """Whether a text stands anywhere on the page, however it had to be escaped."""
        said = [said for element in self.elements for said in texts(element.proto)]
        return any(text in plain(one) for one in [*said, *(folded.label for folded in self.app.expander)])

    def unescaped(self, text: str) -> list[str]:
        """The kinds of elements that would read this foreign text as Markdown or HTML."""
        return [
            element.type
            for element in self.elements
            for name, said in named_texts(element.proto)
            if text in said and (element.type, name) not in PLAIN
        ]


# Where text is shown as it is: the options and contents of inputs, plain text, code.
PLAIN = {
    ("selectbox", "options"),
    ("selectbox", "raw_value"),
    ("text_input", "default"),
    ("text_input", "value"),
    ("text_area", "default"),
    ("text_area", "value"),
    ("text", "body"),
    ("code", "code_text"),
    ("arrow_data_frame", "data"),
}


def plain(said: object) -> str:
    """A text as a person reads it, without what keeps it from being read as Markdown."""
    return str(said).replace("\\", "").replace(JOINER, "")


def named_texts(proto: Any) -> list[tuple[str, str]]:
    """Every text in a message to the browser, with the field that it stands in."""
    found: list[tuple[str, str]] = []
    for field, value in proto.ListFields():
        for item in value if isinstance(value, Sequence) and not isinstance(value, str | bytes) else [value]:
            if isinstance(item, str):
                found.append((field.name, item))
            elif hasattr(item, "ListFields"):
                found += named_texts(item)
    return found


def texts(proto: Any) -> list[str]:
    """Every text in a message to the browser."""
    return [said for _name, said in named_texts(proto)]


Open = Callable[..., Page]


def forget() -> None:
    """What the app keeps between runs is read anew."""
    st.cache_resource.clear()
    st.cache_data.clear()


@dataclass
class Workshop:
    """A home with a running provider and worker, a sample that is split, a training and a comparison of it."""

    settings: Settings
    store: Store
    dataset: Dataset
    processes: list[subprocess.Popen[bytes]]

    def __post_init__(self) -> None:
        self.job = self.train("The first")
        self.comparison = self.compare(self.job)

    def train(self, name: str) -> Job:
        """A training that has succeeded."""
        version = self.store.freeze(self.dataset.id)
        draft = JobDraft("local", version.id, "local-classic-1", name, suffix="desk", seed=7, draft_id=name)
        job = jobs.launch(self.store, self.settings, draft, "Ada")
        tasks.enqueue(self.store, self.settings, "launch", job.id)
        return self.settled(job.id)

    def settled(self, job_id: int) -> Job:
        """The training once nothing more will come."""
        wait_for(lambda: self.store.jobs.get(job_id).is_settled)
        return self.store.jobs.get(job_id)

    def compare(self, job: Job) -> Evaluation:
        """A finished comparison of the base model with the trained one."""
        base = ModelRef(job.connection_id, job.model, "Base model")
        tuned = ModelRef(job.connection_id, job.fine_tuned_model, "Fine-tuned model")
        draft = EvaluationDraft(name=job.name, version_id=job.version_id or 0, models=(base, tuned), limit=20)
        begun = evaluation.start(self.store, self.settings, draft, "Ada")
        tasks.enqueue(self.store, self.settings, "evaluate", begun.id)
        wait_for(lambda: self.store.evaluations.get(begun.id).finished_at)
        return self.store.evaluations.get(begun.id)
