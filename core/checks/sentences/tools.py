"""What can be wrong with tools: offered, called, answering."""

from core.checks.rule import Rule, error, warning
from core.words import T

TOOLS: dict[str, Rule] = {
    "tool_calls_invalid": error(
        T("“tool_calls” is {seen}, not a list of calls."),
        T("Give a list with at least one call, or leave the key out."),
    ),
    "tool_calls_misplaced": error(
        T("A message of the role “{role}” calls a tool."),
        T("Only the assistant calls tools: move the call to an assistant message."),
    ),
    "tool_call_id_missing": error(
        T("A tool call has no id."),
        T("Give it a text of its own such as call_1; the tool's answer names it."),
    ),
    "tool_call_type_invalid": error(
        T("The type of a tool call is {seen}."),
        T("Write “function”."),
    ),
    "function_name_missing": error(
        T("A function has no name."),
        T("Name the function that is called or offered."),
    ),
    "function_name_invalid": error(
        T("The function name “{seen}” cannot be used."),
        T("Use 1 to 64 letters a–z, digits, underscores and hyphens."),
    ),
    "arguments_not_text": error(
        T("The arguments of a call are {seen}, not text."),
        T("Write them as a JSON object inside a text, as the model itself would."),
    ),
    "arguments_not_json": warning(
        T("The arguments of a call are no JSON object: {seen}."),
        T("The model will learn to write them like this; correct them if that is not meant."),
    ),
    "tool_call_id_unknown": error(
        T("A tool answers the call “{seen}”, which nobody made."),
        T("Give the tool message the id of an earlier call."),
    ),
    "tool_answer_without_id": error(
        T("A tool message does not say which call it answers."),
        T("Add “tool_call_id” with the id of the call."),
    ),
    "tool_answer_missing": warning(
        T("The call “{seen}” gets no answer before the talk goes on."),
        T("Add a tool message with its result; providers may refuse the example without it."),
    ),
    "tool_not_offered": warning(
        T("The function “{seen}” is called but not offered in “tools”."),
        T("Add its description to “tools”, or correct the name."),
    ),
    "tools_missing": warning(
        T("The example calls functions but offers none."),
        T("Add “tools” with what can be called, as the model will see them later."),
    ),
    "tools_invalid": error(
        T("“{key}” is {seen}, not a list of 1 to 128 functions."),
        T("Give a list of functions, or leave the key out."),
    ),
    "tool_invalid": error(
        T("A tool is {seen}; it needs the type “function” and a function."),
        T("Write it as your provider describes tools, with name, description and parameters."),
    ),
    "tool_twice": warning(
        T("The function “{seen}” is offered twice."),
        T("Keep one of the two."),
    ),
    "parameters_invalid": error(
        T("The parameters of a function are {seen}, not a JSON schema."),
        T("Give an object that describes them, or leave the key out."),
    ),
    "functions_are_legacy": warning(
        T("“{key}” is the older way to call functions."),
        T("It still works in some places; “tools” and “tool_calls” work everywhere."),
    ),
    "parallel_tool_calls_invalid": error(
        T("“parallel_tool_calls” is {seen}."),
        T("Write true or false."),
    ),
}
