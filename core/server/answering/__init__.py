"""Questions to models and their answers: /v1/chat/completions, /v1/completions and /v1/embeddings.

Responses are chats of another shape, so they are asked and answered through here too.
"""

from core.server.answering import chat, completions, embeddings
from core.server.answering.answers import Answer, logprob
from core.server.answering.asking import ChatRequest, ModelId, refuse_first
from core.server.answering.chat import Chat, pieces
from core.server.answering.completions import Completions
from core.server.answering.embeddings import Embeddings
from core.server.answering.opening import Opening
from core.server.answering.schemas import ResponseUsage

DOCUMENTED = (*chat.DOCUMENTED, *completions.DOCUMENTED, *embeddings.DOCUMENTED)

__all__ = [
    "DOCUMENTED",
    "Answer",
    "Chat",
    "ChatRequest",
    "Completions",
    "Embeddings",
    "ModelId",
    "Opening",
    "ResponseUsage",
    "logprob",
    "pieces",
    "refuse_first",
]
