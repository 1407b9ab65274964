"""The product's own samples: small data sets written for it, each with the recipe that makes examples of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from core.dataset.recipes import Recipe
from core.dataset.templates import escape
from core.dataset.vocabulary import Role
from core.words import T, Text

FOLDER = Path(__file__).parents[2] / "examples"


@dataclass(frozen=True)
class Sample:
    """A data set to try: what it is, where it lies, how it is mapped."""

    key: str
    language: str
    title: Text
    description: Text
    file: str
    recipe: Recipe = field(repr=False)

    @property
    def path(self) -> Path:
        return FOLDER / self.file


_HOTLINE = {
    "city_traffic_parking": "交通停车",
    "city_noise": "噪声扰民",
    "city_housing_property": "住房物业",
    "city_garbage_sanitation": "垃圾环卫",
    "city_water_power_gas": "水电燃气",
    "city_consumer_rights": "消费维权",
    "city_public_transport": "公共交通",
    "city_medical_social_insurance": "医疗社保",
    "city_education_school": "教育学校",
    "city_parks_greening": "公园绿化",
}
_HELPDESK = (
    "account_login, damaged_item, delivery_address, discount_voucher, order_status, payment_problem, "
    "product_question, returns_refunds, sizing_advice, warranty_repair"
)
_HOTLINE_PROMPT = (
    f"请对市民热线的来电内容进行分类，类别包括：{'、'.join(_HOTLINE.values())}。\n\n来电内容：\n{{sentence}}\n类别："
)
_HELPDESK_PROMPT = f"Sort this customer message into one of: {escape(_HELPDESK)}.\n\nMessage:\n{{text}}\nCategory:"
_LIBRARY_EN = "You answer questions of visitors to a small town library. Be short and friendly."
_LIBRARY_ZH = "你是一家社区图书馆的咨询员，请简短、友好地回答读者的问题。"


def _answers(system: str) -> Recipe:
    roles = {"questions": Role.USER, "answers": Role.ASSISTANT}
    return Recipe(roles=roles, constants={Role.SYSTEM: system})


SAMPLES: list[Sample] = [
    Sample(
        "hotline_zh",
        "zh_CN",
        T("Citizen hotline (Chinese)"),
        T("410 short calls to a city's hotline in 10 classes: learn to pass each call on to the right office."),
        "hotline_zh.csv",
        Recipe(
            roles={"sentence": Role.USER, "label_desc": Role.LABEL},
            templates={Role.USER: _HOTLINE_PROMPT},
            label_names=_HOTLINE,
        ),
    ),
    Sample(
        "helpdesk_en",
        "en",
        T("Shop helpdesk (English)"),
        T("410 messages to an online shop in 10 classes: learn to sort them by what the customer needs."),
        "helpdesk_en.csv",
        Recipe(
            roles={"text": Role.USER, "category": Role.LABEL},
            templates={Role.USER: _HELPDESK_PROMPT},
        ),
    ),
    Sample(
        "library_qa_zh",
        "zh_CN",
        T("Library questions (Chinese)"),
        T("60 questions to a library with their answers: learn to answer in its words."),
        "library_qa_zh.csv",
        _answers(_LIBRARY_ZH),
    ),
    Sample(
        "library_qa_en",
        "en",
        T("Library questions (English)"),
        T("60 questions to a library with their answers: learn to answer in its words."),
        "library_qa_en.csv",
        _answers(_LIBRARY_EN),
    ),
]


def sample(key: str) -> Sample:
    """The sample with this key. Raises KeyError."""
    return next((s for s in SAMPLES if s.key == key), None) or _unknown(key)


def _unknown(key: str) -> Sample:
    raise KeyError(key)
