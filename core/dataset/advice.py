"""The classic preparer's advice: what was found in the rows, then a required fix, an optional one, or stop.

Rules, thresholds, order and questions for completion data are those of `openai tools fine_tunes.prepare_data` of the
openai package 0.28 (MIT licence); chats get their counterparts. Pure: rows in, findings out, nothing is changed until
a finding's `apply` is called.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from functools import partial

from core.dataset import fixes
from core.dataset.examples import Kind
from core.dataset.findings import REPEATS, Finding, Shown, Weight
from core.dataset.fixes import Fix, Measure
from core.dataset.fixrows import Row, Rows, rows_in
from core.dataset.profile import LAST_ENDING, LAST_SEPARATOR, Found, Profile, Texts, small_letters
from core.words import T, Text

ENOUGH = 100  # rows
LONG_CHARACTERS = 10_000  # of prompt and completion: some 2,048 tokens
LONG_PREFIX = 12  # a longer common beginning of all prompts is an instruction, to be removed
LONG_LEAD = 5  # a common beginning of all completions from this length on is to be removed
LONG_ENDING = 10
Source = Callable[[], Rows]


def characters(row: Row) -> int:
    """The length of a completion: prompt and completion together, in characters."""
    return len(row.question) + len(row.answer)


def advise(
    source: Source,
    kind: Kind,
    *,
    measure: Measure = characters,
    limit: int = LONG_CHARACTERS,
    spared: Container[int] = (),
) -> list[Finding]:
    """What the preparer says of these rows, in the order in which its fixes are applied.

    `source` gives the rows anew each time it is called. `measure` and `limit` say which rows are long, `spared` which
    may say the same as an earlier one.
    """
    profile = Profile.of(source(), whole=kind is not Kind.COMPLETION, measure=measure, limit=limit, spared=spared)
    return advise_by(profile, source, kind)


def advise_by(profile: Profile, source: Source, kind: Kind) -> list[Finding]:
    """The same, where it is known what the rows are like."""
    completion = kind is Kind.COMPLETION
    found: list[Finding | None] = [_number(profile, completion), *_empty(profile, completion)]
    if not profile.rows:
        return _until_stop(found)
    found += [_task(profile, kind), _duplicates(profile, completion), _long(profile, completion)]
    found += [_upper(profile, completion, source, asked=asked) for asked in (True, False)]
    if completion:
        found += [_blank_ends(profile), _separator(profile, source), _question_prefix(profile), _answer_prefix(profile)]
        found += [_ending(profile, source), _lead(profile)]
    elif kind is Kind.CHAT:
        found += [_blank_around(profile)]
    return _until_stop(found)


def _until_stop(found: Iterable[Finding | None]) -> list[Finding]:
    """The findings up to one that stops: what comes after it would not hold."""
    kept: list[Finding] = []
    for finding in found:
        if finding:
            kept.append(finding)
            if finding.severity is Weight.STOP:
                break
    return kept


def shown(fix: Fix, rows: Iterable[Row]) -> tuple[Shown, ...]:
    """What a fix makes of single rows."""
    return tuple(Shown(row, tuple(rows_in(fix([row])))) for row in rows)


def visible(text: str) -> str:
    """A separator as it is written in a sentence."""
    return text.replace("\n", "\\n")


def _gone(found: Found) -> tuple[Shown, ...]:
    return tuple(Shown(row, ()) for row in found.rows)


def _where(found: Found) -> str:
    """The first rows that something is true of."""
    return ", ".join(str(row.id) for row in found.rows) + (", …" if found.count > len(found.rows) else "")


def _number(profile: Profile, completion: bool) -> Finding:
    n = f"{profile.rows + profile.empty.count:,}"
    few = T("There {n:is|are} {n} prompt-completion {n:pair|pairs}.", n=n)
    many = T("There {n:is|are} {n} {n:example|examples}.", n=n)
    if profile.rows + profile.empty.count < ENOUGH:
        few = T("There {n:is|are} {n} prompt-completion {n:pair|pairs}. A few hundred are a good start; results tend "
                "to grow evenly with every doubling of their number.", n=n)  # fmt: skip
        many = T("There {n:is|are} {n} {n:example|examples}. A few hundred are a good start; results tend to grow "
                 "evenly with every doubling of their number.", n=n)  # fmt: skip
    return Finding("number_of_examples", Weight.INFO, few if completion else many, count=profile.rows)


def _empty(profile: Profile, completion: bool) -> Iterator[Finding]:
    if profile.extra.count:
        keys = ", ".join(sorted(profile.extra_keys))
        yield Finding(
            "extra_columns", Weight.REQUIRED, T("Besides prompt and completion there are: {names}.", names=keys),
            T("Remove additional columns/keys: {names}", names=keys), fixes.keys_only,
            shown(fixes.keys_only, profile.extra.rows), profile.extra.count,
        )  # fmt: skip
    if count := profile.empty.count:
        question = T("Remove {n} {n:row|rows} with empty completions", n=count)
        if not completion:
            question = T("Remove {n} {n:row|rows} with empty answers", n=count)
        sentence = T("{n} {n:row has|rows have} no answer, so there is nothing to learn from {n:it|them}: {rows}",
                     n=count, rows=_where(profile.empty))  # fmt: skip
        yield Finding(
            "empty_answers", Weight.REQUIRED, sentence, question, fixes.drop_empty, _gone(profile.empty), count
        )
    if not profile.rows:
        message = T("No row has an answer. Fill the answers before you train.")
        yield Finding("nothing_left", Weight.STOP, message)
    if not completion and (count := profile.unasked.count) and profile.task != "open-ended":
        yield Finding(
            "empty_questions", Weight.OPTIONAL,
            T("{n} {n:row asks|rows ask} nothing: {rows}", n=count, rows=_where(profile.unasked)),
            T("Remove {n} {n:row|rows} with empty questions", n=count), fixes.drop_unasked,
            _gone(profile.unasked), count,
        )  # fmt: skip


def _task(profile: Profile, kind: Kind) -> Finding | None:
    if kind is Kind.PREFERENCE:
        return None  # what is asked and answered stands in pairs
    if kind is Kind.REINFORCEMENT:
        told = T("These rows hold no answers: a grader judges what the model tries, also on rows that are held out.")
        return Finding("reinforcement", Weight.INFO, told)
    if profile.task == "classification" and profile.classes == 1 and kind is Kind.CHAT:
        told = T("All answers are the same: the model will only repeat it.")
        return Finding("one_answer", Weight.INFO, told)
    if profile.task == "classification":
        sentence = T(
            "This looks like classification: {n} different {n:answer|answers}. Hold rows out of the training, and the "
            "model can be measured on them.", n=f"{profile.classes:,}",
        )  # fmt: skip
        return Finding("classification", Weight.INFO, sentence, count=profile.classes)
    if profile.task == "open-ended":
        return Finding("open_ended", Weight.INFO, T("This looks like open-ended writing: no row asks anything."))
    return Finding("conditional", Weight.INFO, T("This looks like answering: most answers are texts of their own."))


def _duplicates(profile: Profile, completion: bool) -> Finding | None:
    count = profile.duplicates.count
    if not count:
        return None
    return Finding(
        REPEATS, Weight.OPTIONAL,
        T("{n} {n:row says|rows say} the same as an earlier one: {rows}", n=count, rows=_where(profile.duplicates)),
        T("Remove {n} duplicate {n:row|rows}", n=count),
        partial(fixes.drop_duplicates, whole=not completion, spared=profile.spared), _gone(profile.duplicates), count,
    )  # fmt: skip


def _long(profile: Profile, completion: bool) -> Finding | None:
    count = profile.long.count
    if not count or (completion and profile.task == "open-ended"):
        return None
    questions = {
        "remove": T("Remove {n} long {n:example|examples}", n=count),
        "trim": T("Cut the {n:question|questions} of {n} long {n:example|examples} to fit", n=count),
        "split": T("Split {n} long {n:example|examples} into shorter ones", n=count),
    }
    ways = []
    for name, fix in fixes.WAYS.items():
        ready: Fix = partial(fix, measure=profile.measure, limit=profile.limit)
        ways.append((name, questions[name], ready, shown(ready, profile.long.rows)))
    sentence = T("{n} {n:example is|examples are} very long (the limit is {limit}): {rows}", n=count,
                 limit=f"{profile.limit:,}", rows=_where(profile.long))  # fmt: skip
    if completion:
        sentence = T("{n} {n:example is|examples are} very long (more than {limit} characters): {rows}", n=count,
                     limit=f"{profile.limit:,}", rows=_where(profile.long))  # fmt: skip
    found = Finding("long_examples", Weight.OPTIONAL, sentence, count=count, ways=tuple(ways))
    return found.by("remove")


_CAPITALS = {  # of chats, by whether the questions are meant
    True: (
        T("More than a third of the letters of the questions are capitals. Models do better with the usual mixture."),
        T("Write all questions in small letters"),
    ),
    False: (
        T("More than a third of the letters of the answers are capitals. Models do better with the usual mixture."),
        T("Write all answers in small letters"),
    ),
}


def _upper(profile: Profile, completion: bool, source: Source, *, asked: bool) -> Finding | None:
    texts = profile.questions if asked else profile.answers
    if not texts.may_be_upper or not texts.is_upper(_small_letters(source, asked)):
        return None
    name = "prompt" if asked else "completion"
    fix = fixes.lower_questions if asked else fixes.lower_answers
    sentence = T(
        "More than a third of the letters of {name} are capitals. Models do better with the usual mixture of case.",
        name=name,
    )
    question = T("Lowercase all your data in column/key `{name}`", name=name)
    if not completion:
        sentence, question = _CAPITALS[asked]
    code = "upper_case_questions" if asked else "upper_case_answers"
    return Finding(code, Weight.OPTIONAL, sentence, question, fix, shown(fix, profile.first), profile.rows)


def _small_letters(source: Source, asked: bool) -> int:
    """Counted only for the few that have many capitals: it takes as long as all else that is learnt of rows."""
    plain = (chunk.where(not frozen for frozen in chunk.frozen) for chunk in fixes.drop_empty(source()))
    return sum(small_letters("".join(chunk.questions if asked else chunk.answers)) for chunk in plain)


def _blank_ends(profile: Profile) -> Finding | None:
    count = profile.blank_ends.count
    if not count or profile.answers.suffix:
        return None
    sentence = T("{n} {n:completion ends|completions end} in blanks: {rows}", n=count, rows=_where(profile.blank_ends))
    question = T("Remove the blanks at the end of {n} {n:completion|completions}", n=count)
    preview = shown(fixes.trim_ends, profile.blank_ends.rows)
    return Finding("trailing_blanks", Weight.OPTIONAL, sentence, question, fixes.trim_ends, preview, count)


def _blank_around(profile: Profile) -> Finding | None:
    count = profile.blank_around.count
    if not count:
        return None
    sentence = T(
        "{n} {n:answer begins or ends|answers begin or end} with white space: {rows}",
        n=count,
        rows=_where(profile.blank_around),
    )
    question = T("Remove the white space around {n} {n:answer|answers}", n=count)
    preview = shown(fixes.strip_answers, profile.blank_around.rows)
    return Finding("white_space_around", Weight.OPTIONAL, sentence, question, fixes.strip_answers, preview, count)


def _separator(profile: Profile, source: Source) -> Finding | None:
    """The common end of all prompts, which tells the model where to begin."""
    if profile.task == "open-ended":
        return None
    texts = profile.questions
    if profile.rows and texts.suffix == profile.first[0].question and _all_alike(source, texts, asked=True):
        message = T("All prompts are identical: `{text}`. Leave them blank for open-ended writing, else make them "
                    "differ.", text=visible(texts.suffix)[:200])  # fmt: skip
        return Finding("identical_questions", Weight.STOP, message)
    taken = texts.seen
    free = [mark for mark in texts.marks if mark not in taken and not (mark == " ->" and "\n" in taken)]
    separator = free[0] if free else LAST_SEPARATOR
    if texts.suffix:
        return _has_end("separator", T("All prompts end with suffix `{text}`.", text=visible(texts.suffix)),
                        separator, texts, _again(source, texts.suffix, asked=True))  # fmt: skip
    fix: Fix = partial(fixes.end_questions, ending=separator)
    return Finding(
        "missing_separator", Weight.OPTIONAL,
        T("The prompts have no common separator at their end. One makes it clear to the model where the completion "
          "begins. For open-ended writing leave the prompts empty."),
        T("Add a suffix separator `{text}` to all prompts", text=visible(separator)),
        fix, shown(fix, profile.first), profile.rows,
    )  # fmt: skip


def _has_end(code: str, sentence: Text, better: str, texts: Texts, again: bool) -> Finding:
    """Prompts or completions with a common end: what may be wrong with it."""
    if again:
        sentence = T("{found} Some contain it more than once: choose one that stands only at the end.", found=sentence)
    elif len(texts.suffix or "") > LONG_ENDING:
        sentence = T("{found} That is very long: consider a shorter one, such as `{text}`.",
                     found=sentence, text=visible(better))  # fmt: skip
    return Finding(code, Weight.INFO, sentence)


def _all_alike(source: Source, texts: Texts, *, asked: bool) -> bool:
    """Whether the common end is the whole of every text."""
    return all(set(column) == {texts.suffix} for column in _texts(source, asked))


def _again(source: Source, ending: str, *, asked: bool) -> bool:
    """Whether some text holds its end a second time."""
    cut = -len(ending)
    return any(ending in text[:cut] for column in _texts(source, asked) for text in column)


def _texts(source: Source, asked: bool) -> Iterator[Sequence[str]]:
    filled = (chunk for chunk in fixes.drop_empty(source()) if chunk.ids)
    return (chunk.questions if asked else chunk.answers for chunk in filled)


def _question_prefix(profile: Profile) -> Finding | None:
    prefix = profile.questions.prefix or ""
    if not prefix:
        return None
    sentence = T("All prompts start with prefix `{text}`.", text=visible(prefix))
    if len(prefix) <= LONG_PREFIX:
        return Finding("common_question_prefix", Weight.INFO, sentence)
    sentence = T("{found} Fine-tuning needs no instruction or worked example in each prompt: mostly the input alone "
                 "is best.", found=sentence)  # fmt: skip
    fix: Fix = partial(fixes.cut_questions, length=len(prefix))
    return Finding(
        "common_question_prefix", Weight.OPTIONAL, sentence,
        T("Remove prefix `{text}` from all prompts", text=prefix), fix, shown(fix, profile.first), profile.rows,
    )  # fmt: skip


def _answer_prefix(profile: Profile) -> Finding | None:
    prefix = profile.answers.prefix or ""
    if len(prefix) < LONG_LEAD or profile.classes == 1:
        return None
    fix: Fix = partial(fixes.cut_answers, length=len(prefix), lead=" " if prefix.startswith(" ") else "")
    sentence = T("All completions start with prefix `{text}`. Mostly the output alone is best.", text=visible(prefix))
    question = T("Remove prefix `{text}` from all completions", text=prefix)
    preview = shown(fix, profile.first)
    return Finding("common_answer_prefix", Weight.OPTIONAL, sentence, question, fix, preview, profile.rows)


def _ending(profile: Profile, source: Source) -> Finding | None:
    """The common end of all completions, at which the model is told to stop."""
    if profile.task != "conditional":
        return None
    texts = profile.answers
    if profile.classes == 1:
        message = T("All completions are identical: `{text}`. Make them differ, else the model will only repeat it.",
                    text=visible(texts.suffix or "")[:200])  # fmt: skip
        return Finding("identical_answers", Weight.STOP, message)
    free = [mark for mark in texts.marks if mark not in texts.seen]
    ending = free[0] if free else LAST_ENDING
    if texts.suffix:
        return _has_end("ending", T("All completions end with suffix `{text}`.", text=visible(texts.suffix)),
                        ending, texts, _again(source, texts.suffix, asked=False))  # fmt: skip
    fix: Fix = partial(fixes.end_answers, ending=ending)
    return Finding(
        "missing_ending", Weight.OPTIONAL,
        T("The completions have no common ending. One makes it clear to the model where to stop."),
        T("Add a suffix ending `{text}` to all completions", text=visible(ending)),
        fix, shown(fix, profile.first), profile.rows,
    )  # fmt: skip


def _lead(profile: Profile) -> Finding | None:
    if not profile.unled:
        return None
    return Finding(
        "missing_space", Weight.OPTIONAL,
        T("The completion should begin with a space (` `): with the usual tokenisers that gives better results."),
        T("Add a whitespace character to the beginning of the completion"),
        fixes.lead_answers, shown(fixes.lead_answers, profile.first), profile.rows,
    )  # fmt: skip
