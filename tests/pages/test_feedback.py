"""What goes wrong is said in words, where a person sees it, once; nothing else of the page is lost."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest


def clicked() -> None:
    """A page whose buttons go wrong in their callbacks."""
    import streamlit as st

    from core.errors import BadInput
    from pages.parts import feedback

    def refuse() -> None:
        with feedback.errors():
            raise BadInput("The *name* is taken.", "Choose another.")

    def crash() -> None:
        with feedback.errors():
            _ = {}["secret detail"]

    st.title("A page")
    with feedback.errors():
        st.text("drawn")
        st.button("refuse", on_click=refuse)
        st.button("crash", on_click=crash)
        st.button("nothing")


def drawn() -> None:
    """A page that goes wrong while it is drawn."""
    import streamlit as st

    from core.errors import NotFound
    from pages.parts import feedback

    st.title("A page")
    with feedback.errors():
        st.text("drawn")
        raise NotFound("There is no row 7.", "It was removed.")


def live() -> None:
    """A page with a part that draws itself again, and whose button goes wrong."""
    import streamlit as st

    from core.errors import BadInput
    from pages.parts import feedback

    def refuse() -> None:
        with feedback.errors():
            raise BadInput("It has ended already.")

    @st.fragment
    def part() -> None:
        with feedback.errors():
            st.button("refuse", on_click=refuse)

    st.title("A page")
    with feedback.errors():
        part()


def sentences(app: AppTest) -> list[str]:
    return [str(error.value).replace("\\", "") for error in app.error]


def press(app: AppTest, label: str) -> AppTest:
    next(button for button in app.button if button.label == label).click()
    return app.run()


def test_an_error_of_the_page_is_a_sentence_and_the_rest_stays() -> None:
    app = AppTest.from_function(drawn).run()
    assert sentences(app) == ["There is no row 7.\n\nIt was removed."]
    assert app.title[0].value == "A page" and app.text[0].value == "drawn" and not app.exception


@pytest.mark.parametrize("page", [clicked, live])
def test_an_error_of_a_callback_stands_below_the_title_until_the_next_step(page: Callable[[], None]) -> None:
    app = press(AppTest.from_function(page).run(), "refuse")
    (sentence,) = sentences(app)
    assert sentence.startswith(("The *name* is taken.", "It has ended already."))
    assert [element.type for element in app.main][1:3] == ["title", "error"]
    assert sentences(app.run()) == []


def test_an_error_of_a_callback_is_also_said_where_the_person_looks() -> None:
    app = press(AppTest.from_function(clicked).run(), "refuse")
    assert [str(toast.value).replace("\\", "") for toast in app.toast] == ["The *name* is taken."]
    assert app.error[0].value.startswith("The \\*name\\* is taken"), "shown as text, not as Markdown"


def test_what_nobody_foresaw_is_said_plainly_without_its_details(caplog: pytest.LogCaptureFixture) -> None:
    app = press(AppTest.from_function(clicked).run(), "crash")
    (sentence,) = sentences(app)
    assert "did not foresee" in sentence and "secret detail" not in sentence and not app.exception
    assert "secret detail" in caplog.text, "the log tells the details"


def test_the_next_click_begins_anew() -> None:
    app = press(AppTest.from_function(clicked).run(), "refuse")
    assert sentences(press(app, "nothing")) == []
