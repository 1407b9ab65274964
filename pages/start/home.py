"""Home: what Luopan does, a sample to try, your own data, and where you left off."""

from __future__ import annotations

import streamlit as st

from core.words import _
from pages.parts import feedback, frame, recent, samples

st.title(_("From your table to a model you can trust"))
st.write(
    _(
        "Bring examples of what should be answered. Luopan checks them, shows what training would cost, trains a model "
        "on this computer or at a provider, and lets you compare it with the one before."
    )
)
with feedback.errors():
    recent.path()
    recent.show()
    st.subheader(_("Bring my data"))
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(_("A spreadsheet or a file of examples: CSV, Excel, JSON or JSON Lines."), width="stretch")
        st.page_link(frame.IMPORT, label=f"**{_('Choose a file')}**", icon=":material/upload_file:")
    st.subheader(_("Try a sample"))
    samples.cards()
