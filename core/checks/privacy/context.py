"""What the words around a number say of it: an order number and a price have the shape of a phone number too."""

from __future__ import annotations

import re
from collections.abc import Callable

_BEFORE = 48  # characters that are read before a number

# What may stand between the word and the number: "order no. is: #123". A comma begins something else.
_LINKS = r"numbers?|nos?|num|id|code|is|was|are"
_JOIN = (
    r"(?:\s*(?:(?:"
    + _LINKS
    + r")(?![A-Za-z])\.?|号码|编号|号|码|是|为|\([a-z]{2,8}\)|'s(?=\s)|[:：#＃№=(（\[\"“'‘-]))*\s*$"
)
_THING = re.compile(
    r"(?:(?<![A-Za-z])(?:orders?|invoice|tracking|ticket|serial|reference|ref|sku|isbn|issn|item|case|transaction|txn"
    r"|batch|lot|model|part|version|article|product|parcel|shipment|shipping|confirmation|booking|receipt|upc|ean"
    r"|barcode|doi|patent|timestamp|build|revision|policy|claim|flight|room|page|meeting|total|amount|price|balance|views|seed)"
    r"|订单|单号|工单|流水|运单|快递|物流|票号|发票|型号|条码|货号|序列|批号|合同|案号|版本|商品|条形码|编号|保单|余额|金额"
    r"|价格|总价|阅读量|播放量|时间戳|学号|工号|专利号?|期号|房号|包裹|会议|课程|取件|彩票)" + _JOIN,
    re.IGNORECASE,
)
_PHONE = re.compile(
    r"(?:(?<![A-Za-z])(?:(?:tele)?phone|ph|tel|mobile|mob|cell(?:phone)?|fax|whatsapp|wechat|vx|wx"
    r"|(?:call|text|ring|reach)(?: me| us| him| her)?(?: at| on)?|dial|sms|contact"
    r"|(?:my|his|her|our|their|your) number)"
    r"|电话|手机|座机|固话|传真|致电|拨打|热线|联系方式|微信|请打)" + _JOIN,
    re.IGNORECASE,
)
_CARD = re.compile(
    r"(?:(?<![A-Za-z])(?:card|credit card|debit card|account|visa|mastercard|amex|pan)"
    r"|银行卡|卡号|账号|账户|储蓄卡|信用卡|借记卡)" + _JOIN,
    re.IGNORECASE,
)
_IDENTITY = re.compile(
    r"(?:身份证|证件|公民身份|(?<![A-Za-z])(?:id card|identity card|resident id))" + _JOIN, re.IGNORECASE
)
_SOCIAL = re.compile(r"(?:(?<![A-Za-z])(?:ssn|social security|soc sec)|社会安全号?|社保)" + _JOIN, re.IGNORECASE)
_VERSION = re.compile(
    r"(?:(?<![A-Za-z])(?:v|ver|version|release|section|chapter|clause|paragraph|firmware|build|driver|update|kernel|linux"
    r"|python|java|node|chrome|firefox|android|ios|windows|macos|office|redis|(?:up|down)grad(?:e|ed|ing)(?: from)?"
    r"|(?:up|down)grad(?:e|ed|ing) from [0-9.]{7,15} to)"
    r"|版本|章节|固件|驱动|第)" + _JOIN,
    re.IGNORECASE,
)
_ADDRESS = re.compile(
    r"(?:(?<![A-Za-z])(?:ip|ipv4|host|server|address|from|ping|ssh)|地址|服务器|主机)" + _JOIN, re.IGNORECASE
)
_MONEY_BEFORE = re.compile(r"(?:[¥￥$€£₩₹]|(?<![A-Za-z])(?:RMB|CNY|USD|EUR|GBP|HKD|JPY))\s?$")
_UNIT_AFTER = re.compile(
    r"\s?(?:元|块|万|亿|美元|美金|港币|人民币|日元|欧元|次|人次?|个|件|股|吨|公里|千米|毫秒|秒|字节|%|％"
    r"|(?:USD|RMB|CNY|EUR|GBP|HKD|dollars|euros|pounds|yuan|km|kg|ms|KB|MB|GB|TB|bytes|users|people|views|times)(?![A-Za-z]))"
)
_ENDS_ADDRESS = re.compile(r"[^\x21\x23-\x26\x2a-\x3b\x3d\x3f-\x7e]")  # the first sign that no URL holds


def before(text: str, start: int) -> str:
    """The words just before a place."""
    return text[max(0, start - _BEFORE) : start]


def is_thing(text: str, start: int, end: int) -> bool:
    """Whether the words say that this number counts or names a thing: an order, a price, a version."""
    left = before(text, start)
    if _MONEY_BEFORE.search(left) or _UNIT_AFTER.match(text, end):
        return True
    if _THING.search(left):
        return True
    address = text.rfind("://", max(0, start - 300), start)
    return address >= 0 and not _ENDS_ADDRESS.search(text, address, start) and not _PHONE.search(left)


def _announced_by(words: re.Pattern[str]) -> Callable[[str, int], bool]:
    """Whether such words stand just before a place in a text."""
    return lambda text, start: bool(words.search(before(text, start)))


of_phone = _announced_by(_PHONE)
of_card = _announced_by(_CARD)  # a card or an account
of_identity = _announced_by(_IDENTITY)  # a resident's identity number
of_social_security = _announced_by(_SOCIAL)
of_version = _announced_by(_VERSION)  # a version or a section
of_address = _announced_by(_ADDRESS)  # the address of a computer
