"""What can be wrong with a line, and with any value in it."""

from core.checks.rule import Rule, error, warning
from core.words import T

LINES: dict[str, Rule] = {
    "byte_order_mark": warning(
        T("The line begins with a byte-order mark."),
        T("Nothing is lost: Luopan reads past it and saves without one; only some Azure tools want it."),
    ),
    "blank_line": warning(
        T("The line is blank."),
        T("It is skipped here; some providers refuse it, so delete it or export the file again."),
    ),
    "not_utf8": error(
        T("The line is not UTF-8 text: {seen}."),
        T("Save the file as UTF-8, or import it as a table and let Luopan find the encoding."),
    ),
    "not_json": error(
        T("The line is not valid JSON at character {column}: {reason}."),
        T("Write it as one JSON object on one line, with double quotes around every name and text."),
    ),
    "not_an_object": error(
        T("The line holds {seen}, not a JSON object."),
        T("Give each example a line of its own that begins and ends with a curly brace."),
    ),
    "line_too_long": error(
        T("The line is longer than {limit} bytes."),
        T("Put each example on a line of its own; large images can be given as links."),
    ),
    "too_deep": error(
        T("The values are nested more than {limit} levels deep."),
        T("Flatten the value, or store it as a JSON text."),
    ),
    "not_a_number": error(
        T("{seen} is no JSON number."),
        T("Write null or a real number instead."),
    ),
    "not_json_value": error(
        T("{seen} cannot be written as JSON."),
        T("Use text, a number, true, false, null, a list or an object."),
    ),
    "lone_surrogate": error(
        T("The text holds half a character: {seen}."),
        T("It was cut in the middle of an emoji or a rare character; write it again or delete it."),
    ),
    "nul_character": error(
        T("The text holds a NUL character: {seen}."),
        T("Delete it; it often comes from a file read in the wrong encoding."),
    ),
    "unknown_format": error(
        T("The example fits no training format; its keys are {seen}."),
        T("Give it “messages”, or import the file as a table and let Luopan make the examples."),
    ),
}
