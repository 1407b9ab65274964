"""The one table of what checks can find: code -> severity, what was found, what to do.

Codes are stable: stores and scripts remember them. Fields in braces are filled from the issue: its `seen` and
`field`, and the parameters named where the issue is made.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from core.words import T, Text, _

_FIELD = re.compile(r"\{(\w+)\}")


class Severity(StrEnum):
    """An error blocks the launch, a warning may cost quality, an advice is worth knowing."""

    ERROR = "error"
    WARNING = "warning"
    ADVICE = "advice"


@dataclass(frozen=True)
class Rule:
    """What a code means: its severity, what was found, and what to do about it."""

    severity: Severity
    found: Text
    advice: Text


def _error(found: Text, advice: Text) -> Rule:
    return Rule(Severity.ERROR, found, advice)


def _warning(found: Text, advice: Text) -> Rule:
    return Rule(Severity.WARNING, found, advice)


def _advice(found: Text, advice: Text) -> Rule:
    return Rule(Severity.ADVICE, found, advice)


_LINES = {
    "byte_order_mark": _warning(
        T("The line begins with a byte-order mark."),
        T("Nothing is lost: Luopan reads past it and saves without one; only some Azure tools want it."),
    ),
    "blank_line": _warning(
        T("The line is blank."),
        T("It is skipped here; some providers refuse it, so delete it or export the file again."),
    ),
    "not_utf8": _error(
        T("The line is not UTF-8 text: {seen}."),
        T("Save the file as UTF-8, or import it as a table and let Luopan find the encoding."),
    ),
    "not_json": _error(
        T("The line is not valid JSON at character {column}: {reason}."),
        T("Write it as one JSON object on one line, with double quotes around every name and text."),
    ),
    "not_an_object": _error(
        T("The line holds {seen}, not a JSON object."),
        T("Give each example a line of its own that begins and ends with a curly brace."),
    ),
    "line_too_long": _error(
        T("The line is longer than {limit} bytes."),
        T("Put each example on a line of its own; large images can be given as links."),
    ),
    "too_deep": _error(
        T("The values are nested more than {limit} levels deep."),
        T("Flatten the value, or store it as a JSON text."),
    ),
    "not_a_number": _error(
        T("{seen} is no JSON number."),
        T("Write null or a real number instead."),
    ),
    "not_json_value": _error(
        T("{seen} cannot be written as JSON."),
        T("Use text, a number, true, false, null, a list or an object."),
    ),
    "lone_surrogate": _error(
        T("The text holds half a character: {seen}."),
        T("It was cut in the middle of an emoji or a rare character; write it again or delete it."),
    ),
    "nul_character": _error(
        T("The text holds a NUL character: {seen}."),
        T("Delete it; it often comes from a file read in the wrong encoding."),
    ),
    "unknown_format": _error(
        T("The example fits no training format; its keys are {seen}."),
        T("Give it “messages”, or “prompt” and “completion”."),
    ),
}

_MESSAGES = {
    "unknown_key": _warning(
        T("The key “{key}” is not part of this format."),
        T("Providers may refuse or ignore it; take it out if you don't need it."),
    ),
    "messages_missing": _error(
        T("There is no list of messages here."),
        T("Add “messages” with what the user says and what the assistant should answer."),
    ),
    "messages_not_a_list": _error(
        T("“messages” is {seen}, not a list."),
        T("Put the messages in square brackets, even if there is only one."),
    ),
    "messages_empty": _error(
        T("The list of messages is empty."),
        T("Add what the user says and what the assistant should answer."),
    ),
    "message_not_an_object": _error(
        T("A message is {seen}, not an object."),
        T("Give each message a role and a content."),
    ),
    "role_missing": _error(
        T("A message has no role."),
        T("Say who speaks: system, user, assistant or tool."),
    ),
    "unknown_role": _error(
        T("The role “{seen}” is not known."),
        T("Use system, user, assistant or tool, in small letters."),
    ),
    "developer_role": _warning(
        T("The role “developer” is made for reinforcement training."),
        T("Use “system” here, unless your provider asks for it."),
    ),
    "content_missing": _error(
        T("A message of the role “{role}” has no content."),
        T("Write its text; only an assistant message that calls a tool may go without."),
    ),
    "content_not_text": _error(
        T("The content is {seen}, not text."),
        T("Put it in double quotes, or give a list of text and image parts."),
    ),
    "content_empty": _error(
        T("The content of a message of the role “{role}” is empty."),
        T("Write its text or delete the message."),
    ),
    "content_blank": _warning(
        T("The content of a message of the role “{role}” is only blanks: {seen}."),
        T("Write its text or delete the message."),
    ),
    "answer_empty": _warning(
        T("A tool answers with empty text."),
        T("That is allowed; check that nothing was lost."),
    ),
    "name_invalid": _error(
        T("The name “{seen}” cannot be used."),
        T("Use a text of 1 to 64 characters without blanks and without < | \\ / >."),
    ),
    "weight_invalid": _error(
        T("The weight is {seen}; it can only be 0 or 1."),
        T("Write 1 to learn from this message, 0 to read it only."),
    ),
    "weight_misplaced": _error(
        T("A message of the role “{role}” carries a weight."),
        T("Take it out: only assistant messages are learnt from."),
    ),
    "all_weights_zero": _error(
        T("Every assistant message has weight 0, so there is nothing to learn."),
        T("Give at least one of them weight 1."),
    ),
    "no_assistant": _error(
        T("There is no assistant message, so there is nothing to learn."),
        T("Add the answer that the model should give."),
    ),
    "last_not_assistant": _warning(
        T("The last message has the role “{seen}”, not “assistant”."),
        T("What follows the last answer is not learnt from; end with the assistant, or cut it off."),
    ),
    "missing_system": _advice(
        T("There is no system message."),
        T("That is fine if you also ask the model without one later."),
    ),
    "missing_user": _advice(
        T("There is no user message."),
        T("Check that the question was not lost on the way."),
    ),
    "special_token": _error(
        T("The text holds {seen}, a sign that steers the model."),
        T("Delete it or write it differently; providers refuse it as an invalid token."),
    ),
}

_TOOLS = {
    "tool_calls_invalid": _error(
        T("“tool_calls” is {seen}, not a list of calls."),
        T("Give a list with at least one call, or leave the key out."),
    ),
    "tool_calls_misplaced": _error(
        T("A message of the role “{role}” calls a tool."),
        T("Only the assistant calls tools: move the call to an assistant message."),
    ),
    "tool_call_id_missing": _error(
        T("A tool call has no id."),
        T("Give it a text of its own such as call_1; the tool's answer names it."),
    ),
    "tool_call_type_invalid": _error(
        T("The type of a tool call is {seen}."),
        T("Write “function”."),
    ),
    "function_name_missing": _error(
        T("A function has no name."),
        T("Name the function that is called or offered."),
    ),
    "function_name_invalid": _error(
        T("The function name “{seen}” cannot be used."),
        T("Use 1 to 64 letters a–z, digits, underscores and hyphens."),
    ),
    "arguments_not_text": _error(
        T("The arguments of a call are {seen}, not text."),
        T("Write them as a JSON object inside a text, as the model itself would."),
    ),
    "arguments_not_json": _warning(
        T("The arguments of a call are no JSON object: {seen}."),
        T("The model will learn to write them like this; correct them if that is not meant."),
    ),
    "tool_call_id_unknown": _error(
        T("A tool answers the call “{seen}”, which nobody made."),
        T("Give the tool message the id of an earlier call."),
    ),
    "tool_answer_without_id": _error(
        T("A tool message does not say which call it answers."),
        T("Add “tool_call_id” with the id of the call."),
    ),
    "tool_answer_missing": _warning(
        T("The call “{seen}” gets no answer before the talk goes on."),
        T("Add a tool message with its result; providers may refuse the example without it."),
    ),
    "tool_not_offered": _warning(
        T("The function “{seen}” is called but not offered in “tools”."),
        T("Add its description to “tools”, or correct the name."),
    ),
    "tools_invalid": _error(
        T("“{key}” is {seen}, not a list of 1 to 128 functions."),
        T("Give a list of functions, or leave the key out."),
    ),
    "tool_invalid": _error(
        T("A tool is {seen}; it needs the type “function” and a function."),
        T("Write it as your provider describes tools, with name, description and parameters."),
    ),
    "tool_twice": _warning(
        T("The function “{seen}” is offered twice."),
        T("Keep one of the two."),
    ),
    "parameters_invalid": _error(
        T("The parameters of a function are {seen}, not a JSON schema."),
        T("Give an object that describes them, or leave the key out."),
    ),
    "functions_are_legacy": _warning(
        T("“{key}” is the older way to call functions."),
        T("It still works in some places; “tools” and “tool_calls” work everywhere."),
    ),
    "parallel_tool_calls_invalid": _error(
        T("“parallel_tool_calls” is {seen}."),
        T("Write true or false."),
    ),
}

_PARTS = {
    "part_invalid": _error(
        T("A part of the content is {seen}."),
        T("Each part needs a type, text or image_url, and what belongs to it."),
    ),
    "image_misplaced": _error(
        T("A message of the role “{role}” holds an image."),
        T("Only user messages may show images; move it there."),
    ),
    "image_url_invalid": _error(
        T("The image cannot be found at {seen}."),
        T("Give an http(s) link, or a data: link with base64 of a JPEG, PNG or WEBP."),
    ),
    "image_detail_invalid": _error(
        T("The detail of an image is {seen}."),
        T("Write low, high or auto."),
    ),
    "image_too_large": _error(
        T("An image has more than 10 MB."),
        T("Make it smaller; for most uses 1,024 pixels are enough."),
    ),
    "too_many_images": _error(
        T("The example shows {number} images; at most 10 are allowed."),
        T("Take some out or make several examples."),
    ),
}

_OTHER_KINDS = {
    "prompt_missing": _error(
        T("There is no prompt."),
        T("Add “prompt” with the text that the model will be given."),
    ),
    "prompt_not_text": _error(
        T("The prompt is {seen}, not text."),
        T("Put it in double quotes."),
    ),
    "prompt_empty": _warning(
        T("The prompt is empty."),
        T("That is only right for free writing without a question."),
    ),
    "completion_missing": _error(
        T("There is no completion."),
        T("Add “completion” with the text that the model should write."),
    ),
    "completion_not_text": _error(
        T("The completion is {seen}, not text."),
        T("Put it in double quotes."),
    ),
    "completion_empty": _error(
        T("The completion is empty, so there is nothing to learn."),
        T("Write what the model should answer."),
    ),
    "input_invalid": _error(
        T("“input” is {seen}, not an object with messages."),
        T("Put the question there: an “input” with “messages”."),
    ),
    "output_invalid": _error(
        T("“{key}” is {seen}, not a list of messages."),
        T("Give a list with one assistant message."),
    ),
    "output_role": _error(
        T("“{key}” holds a message of the role “{seen}”."),
        T("Only the assistant and its tools may speak there."),
    ),
    "output_without_answer": _error(
        T("“{key}” holds no assistant message."),
        T("Add the answer that is to be compared."),
    ),
    "output_several": _warning(
        T("“{key}” holds {number} assistant messages."),
        T("Keep one: some providers take exactly one."),
    ),
    "outputs_equal": _warning(
        T("The preferred answer and the other one are the same: {seen}."),
        T("A pair teaches only by its difference; change one of them or delete the example."),
    ),
    "old_preference_keys": _warning(
        T("“{key}” is the older name of this key."),
        T("Rename it to “{new}”."),
    ),
    "text_only": _error(
        T("Preference examples can hold text only."),
        T("Take the image out."),
    ),
    "last_not_user": _error(
        T("The last message has the role “{seen}”, not “user”."),
        T("End with the question: in reinforcement training the model answers it itself."),
    ),
}

_SETS = {
    "no_examples": _error(
        T("The file holds no example."),
        T("Add at least 10 examples, one on each line."),
    ),
    "too_few_examples": _error(
        T("There are {number} examples; training needs at least 10."),
        T("Add more examples: 50 to 100 good ones are a fair beginning."),
    ),
    "few_examples": _warning(
        T("There are only {number} examples."),
        T("It will run, but a clear gain usually begins at 50 to 100."),
    ),
    "too_many_examples": _warning(
        T("There are {number} examples; some providers take at most {limit}."),
        T("Check your provider's limit or train on a sample."),
    ),
    "file_too_large": _error(
        T("The file has {size} MB; at most {limit} MB are taken."),
        T("Split it or train on a sample."),
    ),
    "mixed_kinds": _error(
        T("This example has the format “{seen}”, most others have “{kind}”."),
        T("Train one format at a time: move it to a file of its own or rewrite it."),
    ),
    "duplicate": _warning(
        T("The same example stands on line {first}."),
        T("Delete one of them: what is seen twice weighs double."),
    ),
    "over_limit": _warning(
        T("The example has {tokens} tokens, more than the {limit} that are read."),
        T("Its end, the answer, is cut off first: shorten it or split it."),
    ),
}

RULES: dict[str, Rule] = {**_LINES, **_MESSAGES, **_TOOLS, **_PARTS, **_OTHER_KINDS, **_SETS}


def issue_table() -> dict[str, Severity]:
    """Every code with its severity."""
    return {code: rule.severity for code, rule in RULES.items()}


def sentence_of(code: str) -> str:
    """What a code means and what to do, in the current language, without the particulars of one case."""
    rule = RULES[code]
    return f"{_general(rule.found)} {_general(rule.advice)}"


def _general(text: Text) -> str:
    return _(text.sentence, **dict.fromkeys(_FIELD.findall(text.sentence), "…"))
