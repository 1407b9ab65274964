"""An open model as the server asks it: words become tokens here, the tokens are found in the model's own process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.errors import BadInput
from core.server.engines.base import Ability, AskError, Message, Piece, SampleParams
from core.server.engines.lora.bases import Folder
from core.server.engines.lora.encoding import Encoder
from core.server.engines.lora.runner import Runner
from core.server.engines.lora.toolcalls import format_of, with_calls
from core.words import T

_UNFINISHED = "\ufffd"  # stands at the end of a text while a character has come in part


class LoraPredictor:
    """A base model, with `artifact` (a checkpoint or final folder) its fine-tuned kind."""

    def __init__(self, runner: Runner, folder: Folder, artifact: Path | None) -> None:
        self._runner = runner
        self._adapter = str(artifact) if artifact is not None else None
        self._encoder = Encoder(folder)
        self._calls = format_of(*self._encoder.sample_call())
        able: set[Ability] = {"penalties", "logit_bias", "embed"}
        self.abilities: frozenset[Ability] = frozenset(able | {"tools"} if self._calls else able)

    def generate(self, messages: list[Message], params: SampleParams) -> Iterator[Piece]:
        """The answer to a conversation, token by token; tool calls as one piece at its end."""
        if self._calls is None or not params.tools or params.tool_choice == "none":
            return self._pieces(self._prompt(messages, []), params, "messages")
        ids = self._prompt(messages, list(params.tools))
        opening = self._calls.opening if params.tool_choice == "required" else ""
        ids += self._encoder.tokenizer.ids(opening)
        return with_calls(self._pieces(ids, params, "messages"), self._calls, opening)

    def complete(self, prompt: str, params: SampleParams) -> Iterator[Piece]:
        """What follows a prompt, which the model reads as it is."""
        return self._pieces(self._encoder.tokenizer.ids(prompt, framed=False), params, "prompt")

    def embed(self, texts: list[str]) -> list[list[float]]:
        """The mean of what the last layer makes of each text, of length 1."""
        vectors = []
        for text in texts:
            ids = self._encoder.tokenizer.ids(text, framed=False) or sorted(self._encoder.stops)[:1] or [0]
            self._refuse_long(ids, "input")
            (told,) = self._ask("embed", ids)
            vectors.append([float(value) for value in told["values"]])
        return vectors

    def score(self, messages: list[Message], answer: str) -> list[float]:
        """The log probability of each token of this answer."""
        ids = self._prompt(messages, [])
        whole = ids + self._encoder.tokenizer.ids(answer)
        self._refuse_long(whole, "messages")
        if len(whole) == len(ids):
            return []
        (told,) = self._ask("score", whole, begin=len(ids))
        return [float(value) for value in told["values"]]

    def count(self, messages: list[Message]) -> int:
        """The tokens that the model reads of a conversation."""
        return len(self._prompt(messages, []))

    def close(self) -> None:
        """Gives back the memory of the adapter; the base goes when nobody asks for a while."""
        if self._adapter is not None:
            self._runner.forget(self._adapter)

    def _prompt(self, messages: list[Message], tools: list[dict[str, Any]]) -> list[int]:
        try:
            return self._encoder.prompt(messages, tools)
        except BadInput as error:
            raise AskError("messages", T("{reason}", reason=str(error))) from error

    def _ask(self, op: str, ids: list[int], **more: Any) -> Iterator[dict[str, Any]]:
        return self._runner.ask({"op": op, "ids": ids, "adapter": self._adapter, **more})

    def _pieces(self, ids: list[int], params: SampleParams, param: str) -> Iterator[Piece]:
        room = self._refuse_long(ids, param)
        # One more than is asked for, by which whoever asked sees that the answer goes on.
        most = room if params.max_tokens is None else min(room, params.max_tokens + 1)
        wish = {
            "temperature": params.temperature,
            "top_p": params.top_p,
            "seed": None if params.seed is None else params.seed % (1 << 63),
            "max_tokens": most,
            "top": params.top_logprobs,
            "stops": sorted(self._encoder.stops),
            "presence_penalty": params.presence_penalty,
            "frequency_penalty": params.frequency_penalty,
            "logit_bias": [list(pair) for pair in params.logit_bias],
        }
        return self._spoken(self._ask("generate", ids or sorted(self._encoder.stops)[:1], params=wish))

    def _spoken(self, told: Iterator[dict[str, Any]]) -> Iterator[Piece]:
        """Tokens as text: each as a piece of its own, which is empty while its character is not whole."""
        ids: list[int] = []
        begin = end = 0  # of the tokens that came out as text last; they stand before what is new, for its spaces
        for token in told:
            ids.append(int(token["token"]))
            before, text = self._text(ids[begin:end]), self._text(ids[begin:])
            new = "" if text.endswith(_UNFINISHED) else text[len(before) :]
            if new:
                begin, end = end, len(ids)
            top = tuple((self._text([int(number)]), float(value)) for number, value in token["top"])
            yield Piece(new, float(token["logprob"]), top)
        rest = self._text(ids[begin:])[len(self._text(ids[begin:end])) :]
        if rest:
            yield Piece(rest, tokens=0)

    def _text(self, ids: list[int]) -> str:
        return str(self._encoder.tokenizer.tokenizer.decode(ids, skip_special_tokens=True))

    def _refuse_long(self, ids: list[int], param: str) -> int:
        """The tokens that are left for an answer. Raises AskError where there are none."""
        room = self._encoder.longest - len(ids)
        if room <= 0:
            message = T(
                "This text has {n} tokens; the model reads {most} in all.", n=len(ids), most=self._encoder.longest
            )
            raise AskError(param, message)
        return room
