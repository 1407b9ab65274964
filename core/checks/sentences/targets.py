"""What a chosen model and its provider do not take."""

from core.checks.rule import Rule, advice, error, warning
from core.words import T

TARGETS: dict[str, Rule] = {
    "target_closed": error(
        T("No new training of {model} can be started at {provider} since {seen}."),
        T("Choose another model or another provider; the data stay as they are."),
    ),
    "target_silent": error(
        T("{model} does not answer any more since {seen}."),
        T("Choose another model or another provider."),
    ),
    "target_closing": warning(
        T("{model} takes new trainings for {number} more {number:day|days}, until {seen}."),
        T("Train soon, or choose a model that stays."),
    ),
    "target_answers_end": warning(
        T("What you train from {model} may stop answering on {seen}."),
        T("Keep the data: they can be trained elsewhere."),
    ),
    "target_format": error(
        T("{model} is not trained with examples of the format “{seen}”; it takes {formats}."),
        T("Choose another model, or bring the examples into one of these formats."),
    ),
    "target_method": error(
        T("These examples are trained by the method “{seen}”; {model} offers {methods}."),
        T("Choose another model."),
    ),
    "target_tools": error(
        T("{number} {number:example offers|examples offer} tools, which {model} is not trained with."),
        T("Choose a model that takes tools, or leave these examples out."),
    ),
    "target_images": error(
        T("{number} {number:example shows|examples show} images, which {model} does not read."),
        T("Choose a model that takes images, or leave these examples out."),
    ),
    "target_context": warning(
        T("{number} {number:example is|examples are} longer than the {limit} tokens that {model} reads."),
        T("Their end, the answer, is cut off first: shorten or split them, or choose a model that reads more."),
    ),
    "target_suffix": error(
        T("The suffix “{seen}” has {number} characters; {model} takes at most {limit}."),
        T("Choose a shorter one."),
    ),
    "target_no_suffix": error(
        T("{provider} takes no suffix; this one is “{seen}”."),
        T("Leave it empty."),
    ),
    "target_file_too_large": error(
        T("The file has {seen} MB; {model} takes at most {limit} MB."),
        T("Split it or train on a sample."),
    ),
    "too_many_with_images": error(
        T("There are {number} examples and some show images; with images at most {limit} are taken."),
        T("Train on a sample."),
    ),
    "images_may_be_skipped": advice(
        T("{number} {number:example shows|examples show} images."),
        T("Providers skip images of people and CAPTCHAs, and those they cannot load: check the links, count the rest."),
    ),
    "validation_missing": error(
        T("Reinforcement training needs examples that are held out, and there are none."),
        T("Split the rows before you train."),
    ),
}
