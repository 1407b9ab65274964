"""What can be wrong with messages and their parts."""

from core.checks.rule import Rule, advice, error, warning
from core.words import T

MESSAGES: dict[str, Rule] = {
    "unknown_key": warning(
        T("The key “{key}” is not part of this format."),
        T("Providers may refuse or ignore it; take it out if you don't need it."),
    ),
    "messages_missing": error(
        T("There is no list of messages here."),
        T("Add “messages” with what the user says and what the assistant should answer."),
    ),
    "messages_not_a_list": error(
        T("“messages” is {seen}, not a list."),
        T("Put the messages in square brackets, even if there is only one."),
    ),
    "messages_empty": error(
        T("The list of messages is empty."),
        T("Add what the user says and what the assistant should answer."),
    ),
    "message_not_an_object": error(
        T("A message is {seen}, not an object."),
        T("Give each message a role and a content."),
    ),
    "role_missing": error(
        T("A message has no role."),
        T("Say who speaks: system, user, assistant or tool."),
    ),
    "unknown_role": error(
        T("The role “{seen}” is not known."),
        T("Use system, user, assistant or tool, in small letters."),
    ),
    "developer_role": warning(
        T("The role “developer” is made for reinforcement training."),
        T("Use “system” here, unless your provider asks for it."),
    ),
    "content_missing": error(
        T("A message of the role “{role}” has no content."),
        T("Write its text; only an assistant message that calls a tool may go without."),
    ),
    "content_not_text": error(
        T("The content is {seen}, not text."),
        T("Put it in double quotes, or give a list of text and image parts."),
    ),
    "content_empty": error(
        T("The content of a message of the role “{role}” is empty."),
        T("Write its text or delete the message."),
    ),
    "content_blank": warning(
        T("The content of a message of the role “{role}” is only blanks: {seen}."),
        T("Write its text or delete the message."),
    ),
    "answer_empty": warning(
        T("A tool answers with empty text."),
        T("That is allowed; check that nothing was lost."),
    ),
    "name_invalid": error(
        T("The name “{seen}” cannot be used."),
        T("Use a text of 1 to 64 characters without blanks and without < | \\ / >."),
    ),
    "weight_invalid": error(
        T("The weight is {seen}; it can only be 0 or 1."),
        T("Write 1 to learn from this message, 0 to read it only."),
    ),
    "weight_misplaced": error(
        T("A message of the role “{role}” carries a weight."),
        T("Take it out: only assistant messages are learnt from."),
    ),
    "all_weights_zero": error(
        T("Every assistant message has weight 0, so there is nothing to learn."),
        T("Give at least one of them weight 1."),
    ),
    "no_assistant": error(
        T("There is no assistant message, so there is nothing to learn."),
        T("Add the answer that the model should give."),
    ),
    "last_not_assistant": warning(
        T("The last message has the role “{seen}”, not “assistant”."),
        T("What follows the last answer is not learnt from; end with the assistant, or cut it off."),
    ),
    "missing_system": advice(
        T("There is no system message."),
        T("That is fine if you also ask the model without one later."),
    ),
    "missing_user": advice(
        T("There is no user message."),
        T("Check that the question was not lost on the way."),
    ),
    "special_token": error(
        T("The text holds {seen}, a sign that steers the model."),
        T("Delete it or write it differently; providers refuse it as an invalid token."),
    ),
}

PARTS: dict[str, Rule] = {
    "part_invalid": error(
        T("A part of the content is {seen}."),
        T("Each part needs a type, text or image_url, and what belongs to it."),
    ),
    "image_misplaced": error(
        T("A message of the role “{role}” holds an image."),
        T("Only user messages may show images; move it there."),
    ),
    "image_url_invalid": error(
        T("The image cannot be found at {seen}."),
        T("Give an http(s) link, or a data: link with base64 of a JPEG, PNG or WEBP."),
    ),
    "image_detail_invalid": error(
        T("The detail of an image is {seen}."),
        T("Write low, high or auto."),
    ),
    "image_unreadable": error(
        T("The data of an image are no JPEG, PNG or WEBP: {seen}."),
        T("Save the image as PNG or JPEG and put it in again."),
    ),
    "image_colours": error(
        T("An image has the colours “{seen}”; only RGB and RGBA are taken."),
        T("Save it as a coloured PNG or JPEG."),
    ),
    "image_too_large": error(
        T("An image has more than 10 MB."),
        T("Make it smaller; for most uses 1,024 pixels are enough."),
    ),
    "too_many_images": error(
        T("The example shows {number} images; at most 10 are allowed."),
        T("Take some out or make several examples."),
    ),
}
