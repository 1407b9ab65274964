"""A first recipe for a file: by the names of its columns, then by what stands in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice

from core.dataset.examples import Kind
from core.dataset.readers.values import Row, Source
from core.dataset.recipes import Recipe
from core.dataset.vocabulary import CONTEXT, INSTRUCTION, INSTRUCTION_INPUT, Role, ends_as, is_aside, plain, rank

_LONGEST_LABEL = 40
_MOST_LABELS = 200
_QUESTIONS = ("question", "questions", "query", "prompt", "问题", "提问")


def suggest(source: Source) -> Recipe:
    """The recipe to begin with: lines in a training format are taken as they are, tables are mapped."""
    mend = source.garbled > 0
    if source.training:
        return Recipe(kind=source.training, as_is=True, shape=source.shape, mend=mend)
    return replace(pairs(source.columns) or guess(source.columns, source.sample), mend=mend)


def pairs(columns: Sequence[str]) -> Recipe | None:
    """Completion data where columns are called prompt and completion, as in the files of the classic tools: taken as
    they are, since the blanks at their ends are part of what is learnt."""
    named = {column.lower(): column for column in reversed(columns)}
    if not {"prompt", "completion"} <= named.keys():
        return None
    roles = {named["prompt"]: Role.USER, named["completion"]: Role.ASSISTANT}
    return Recipe(Kind.COMPLETION, roles=dict.fromkeys(columns, Role.IGNORE) | roles, strip=False)


def guess(columns: Sequence[str], sample: Sequence[Row], kind: Kind = Kind.CHAT) -> Recipe:
    """Roles for the columns. Known names decide; what is still open is told from the cells of the sample."""
    turns = _by_turns(columns, sample)
    others = [c for c in columns if c not in turns]
    chosen = turns | _by_name([c for c in others if plain(c) not in INSTRUCTION or _is_used(c, others, sample)])
    chosen |= _answers_of_another_name(columns, chosen, sample)
    looks = {c: _Look.of(c, sample) for c in columns if c not in chosen}
    looks = {c: look for c, look in looks.items() if look.filled}
    chosen |= (named := _by_endings(looks, set(chosen.values())))
    looks = {c: look for c, look in looks.items() if c not in named}
    has = set(chosen.values())
    if Role.SPEAKER in has:
        has.add(Role.ASSISTANT)  # one column holds what all of them say
    if not has & {Role.LABEL, Role.ASSISTANT} and (label := _likely_label(looks, alone=not chosen)):
        chosen[label] = Role.LABEL
        del looks[label]
    texts = [c for c, look in looks.items() if not look.numeric]
    if Role.USER not in has and texts:
        classifying = Role.LABEL in chosen.values()
        # Beside a class the longest text is what is classified; without one, question comes before answer.
        user = max(texts, key=lambda c: looks[c].length) if classifying else texts[0]
        chosen[user] = Role.USER
        texts.remove(user)
    if not (has | set(chosen.values())) & {Role.LABEL, Role.ASSISTANT} and texts:
        chosen[max(texts, key=lambda c: looks[c].length)] = Role.ASSISTANT
    chosen = _both_halves(columns, chosen)
    # The chosen ones first: an instruction goes before its input, whatever their order in the file.
    return Recipe(kind=kind, roles=chosen | {c: Role.IGNORE for c in columns if c not in chosen})


def _is_used(instruction: str, columns: Sequence[str], sample: Sequence[Row]) -> bool:
    """Whether a column of instructions holds some, or no other one could ask."""
    asks = any(rank(c, Role.USER) is not None for c in columns)
    return not asks or not sample or any(row.cells.get(instruction, "").strip() for row in sample)


def _both_halves(columns: Sequence[str], chosen: dict[str, Role]) -> dict[str, Role]:
    """The two texts that are asked about together (sentence1 and sentence2), where one of them was chosen."""
    asked = next((c for c, role in chosen.items() if role is Role.USER and plain(c)[-1:] in ("1", "2")), None)
    if asked is None or rank(asked[:-1], Role.USER) is None:
        return chosen
    both = [c for c in columns if plain(c)[:-1] == plain(asked)[:-1] and plain(c)[-1:] in ("1", "2")]
    if any(chosen.get(c, Role.USER) is not Role.USER for c in both):
        return chosen
    return {c: role for c, role in chosen.items() if c not in both} | dict.fromkeys(sorted(both), Role.USER)


def _by_name(columns: Sequence[str]) -> dict[str, Role]:
    chosen: dict[str, Role] = {}
    instruction = next((c for c in columns if plain(c) in INSTRUCTION), None)
    if instruction:
        chosen[instruction] = Role.USER
        chosen |= {c: Role.USER for c in columns if plain(c) in (*INSTRUCTION_INPUT, *CONTEXT)}
    for role in (Role.SYSTEM, Role.USER, Role.ASSISTANT, Role.LABEL):
        if role is Role.USER and instruction:
            continue
        ranked = [(place, c) for c in columns if c not in chosen and (place := rank(c, role)) is not None]
        if ranked:
            found = min(ranked, key=lambda pair: pair[0])[1]
            if role is Role.USER and plain(found) in _QUESTIONS:
                chosen |= {c: role for c in columns if plain(c) in CONTEXT}  # it goes before the question
            chosen[found] = role
    return chosen


def _answers_of_another_name(columns: Sequence[str], chosen: dict[str, Role], sample: Sequence[Row]) -> dict[str, Role]:
    """The answer in a column that is called as a class may be (target) or as a text (content, beside an input)."""
    if Role.ASSISTANT in chosen.values():
        return {}
    label = next((c for c, role in chosen.items() if role is Role.LABEL), None)
    if label is None:
        asked = next((c for c in columns if plain(c) == "input"), None)
        said = next((c for c, role in chosen.items() if role is Role.USER and plain(c) == "content"), None)
        return {asked: Role.USER, said: Role.ASSISTANT} if asked and said else {}
    look = _Look.of(label, sample)
    return {label: Role.ASSISTANT} if look.longest > _LONGEST_LABEL and look.is_text else {}


def _by_endings(looks: dict[str, _Look], has: set[Role]) -> dict[str, Role]:
    """The first column of texts whose name ends as that of a question or an answer, where none has just that name."""
    chosen: dict[str, Role] = {}
    for role in (role for role in (Role.USER, Role.ASSISTANT) if role not in has):
        fits = (c for c, look in looks.items() if look.is_text and c not in chosen and ends_as(c, role))
        chosen |= dict.fromkeys(islice(fits, 1), role)
    return chosen


def _by_turns(columns: Sequence[str], sample: Sequence[Row]) -> dict[str, Role]:
    """The columns of conversations that stand in several rows; none where every id is another."""
    chosen: dict[str, Role] = {}
    for role in (Role.CONVERSATION, Role.TURN, Role.SPEAKER):
        ranked = [(place, c) for c in columns if c not in chosen and (place := rank(c, role)) is not None]
        if ranked:
            chosen[min(ranked, key=lambda pair: pair[0])[1]] = role
    column = next((c for c, role in chosen.items() if role is Role.CONVERSATION), None)
    ids = [row.cells[column] for row in sample if row.cells.get(column)] if column else []
    others = set(columns) - set(chosen)
    return chosen if len(set(ids)) < len(ids) and len(chosen) > 1 and others else {}


@dataclass(frozen=True)
class _Look:
    """What the sample shows of one column."""

    filled: int
    distinct: int
    length: float
    longest: int
    numeric: bool

    @classmethod
    def of(cls, column: str, sample: Sequence[Row]) -> _Look:
        cells = [cell for row in sample if (cell := row.cells.get(column, "").strip())]
        lengths = [len(cell) for cell in cells]
        mean = sum(lengths) / max(1, len(lengths))
        return cls(len(cells), len(set(cells)), mean, max(lengths, default=0), all(map(_is_number, cells)))

    @property
    def is_text(self) -> bool:
        """Whether it holds words that are mostly different."""
        return not self.numeric and self.distinct * 2 > self.filled


def _likely_label(looks: dict[str, _Look], *, alone: bool) -> str | None:
    """The column of few, short, repeated values; words, not numbers; one that is called so; the last of several."""
    likely = [
        (not look.numeric, ends_as(column, Role.LABEL), not is_aside(column), place, column)
        for place, (column, look) in enumerate(looks.items())
        if look.filled >= 4
        and look.longest <= _LONGEST_LABEL
        and 1 < look.distinct <= min(_MOST_LABELS, look.filled / 2)
    ]
    return max(likely)[-1] if likely and (len(looks) > 1 or not alone) else None


def _is_number(cell: str) -> bool:
    return cell.replace(".", "", 1).replace("-", "", 1).replace(",", "").isdigit()
