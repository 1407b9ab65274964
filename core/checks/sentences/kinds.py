"""What can be wrong with completions, preference pairs and reinforcement examples."""

from core.checks.rule import Rule, error, warning
from core.words import T

OTHER_KINDS: dict[str, Rule] = {
    "prompt_missing": error(
        T("There is no prompt."),
        T("Add “prompt” with the text that the model will be given."),
    ),
    "prompt_not_text": error(
        T("The prompt is {seen}, not text."),
        T("Put it in double quotes."),
    ),
    "prompt_empty": warning(
        T("The prompt is empty."),
        T("That is only right for free writing without a question."),
    ),
    "completion_missing": error(
        T("There is no completion."),
        T("Add “completion” with the text that the model should write."),
    ),
    "completion_not_text": error(
        T("The completion is {seen}, not text."),
        T("Put it in double quotes."),
    ),
    "completion_empty": error(
        T("The completion is empty, so there is nothing to learn."),
        T("Write what the model should answer."),
    ),
    "input_invalid": error(
        T("“input” is {seen}, not an object with messages."),
        T("Put the question there: an “input” with “messages”."),
    ),
    "output_invalid": error(
        T("“{key}” is {seen}, not a list of messages."),
        T("Give a list with one assistant message."),
    ),
    "output_role": error(
        T("“{key}” holds a message of the role “{seen}”."),
        T("Only the assistant and its tools may speak there."),
    ),
    "output_without_answer": error(
        T("“{key}” holds no assistant message."),
        T("Add the answer that is to be compared."),
    ),
    "output_several": warning(
        T("“{key}” holds {number} assistant messages."),
        T("Keep one: some providers take exactly one."),
    ),
    "outputs_equal": warning(
        T("The preferred answer and the other one are the same: {seen}."),
        T("A pair teaches only by its difference; change one of them or delete the example."),
    ),
    "old_preference_keys": error(
        T("“{key}” is an older name of this key, which nobody reads any more."),
        T("Rename it to “{new}”; bringing the file into Luopan or `python -m core prepare` does that."),
    ),
    "text_only": error(
        T("Preference examples can hold text only."),
        T("Take the image out."),
    ),
    "several_turns": error(
        T("The question of this pair holds an answer already."),
        T("Pairs have one turn: keep the last question, and tell what went before in it."),
    ),
    "reinforcement_system": warning(
        T("A reinforcement example holds a message of the role “system”."),
        T("Some providers refuse that; write “developer” instead."),
    ),
    "reinforcement_images": warning(
        T("A reinforcement example shows an image."),
        T("Some providers refuse that; ask yours, or describe it in words."),
    ),
    "last_not_user": error(
        T("The last message has the role “{seen}”, not “user”."),
        T("End with the question: in reinforcement training the model answers it itself."),
    ),
    "grader_invalid": error(
        T("The grader is {seen}, not an object with a type."),
        T("A job has one grader; a grader of the type “multi” joins several."),
    ),
    "grader_type": error(
        T("The type of the grader is {seen}."),
        T("Use one of these: {types}."),
    ),
    "grader_field": error(
        T("The grader reads “{seen}”, which this example does not have."),
        T("Add it beside “messages”, or take it out of the grader."),
    ),
}
