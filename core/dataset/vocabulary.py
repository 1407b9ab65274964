"""The column names of the tutorials, in English and Chinese, and the role each of them plays."""

from __future__ import annotations

import re
from enum import StrEnum


class Role(StrEnum):
    """What a column becomes in the finished example."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    LABEL = "label"
    IGNORE = "ignore"
    CONVERSATION = "conversation"  # the rows that share its value are one example
    TURN = "turn"  # the order in which they come
    SPEAKER = "speaker"  # who says the user column's text


# Best first: of several columns for one role, the one named further up is taken.
_WRITTEN = {
    Role.SYSTEM: "systemcontent systemprompt systemmessage system 系统提示词 系统提示 系统消息 系统",
    Role.USER: """
        usercontent usermessage userprompt user prompt questions question query ask text sentence utterance review
        comment message content body input title instructions
        问题 提问 用户 文本 句子 评论 内容 正文 诉求 输入 标题 問題 提問 內容 質問 질문
        frage pregunta pergunta domanda""",
    Role.ASSISTANT: """
        assistantcontent assistantmessage assistant completion answers answer response reply output
        答案 回答 回复 答复 助手 输出 回覆 答覆 답변
        antwort respuesta réponse resposta risposta""",
    Role.LABEL: """
        labeldesc labeldes labelname labeltext category class intent classname topic tag sentiment label labels target
        标签名 标签 类别 分类 类目 意图 主题 情感 標籤 類別 分類 kategorie categoría catégorie""",
    Role.CONVERSATION: """
        conversationid conversation convid dialogid dialogueid dialogue dialog sessionid session threadid thread chatid
        会话id 对话id 会话编号 对话编号 会话 对话""",
    Role.TURN: """
        turn turnid turnindex turnorder turnnumber messageindex order position step seq sequence timestamp createdat
        time date 轮次 轮 顺序 次序 时间""",
    Role.SPEAKER: "role speaker sender author from who 角色 说话人 发言人 发送者",
}
NAMES = {role: tuple(names.split()) for role, names in _WRITTEN.items()}
# With what longer names end ("customer question", "客服回复"), behind words that say nothing ("answer text").
_HEADS = {
    Role.USER: "question questions query message prompt enquiry inquiry 问题 提问 问句 問題 提問 咨询 诉求 質問 frage",
    Role.ASSISTANT: "answer answers reply response completion 回答 答案 回复 答复 回覆 答覆 antwort",
    Role.LABEL: """
        category class intent topic label type sentiment reason kategorie
        分类 类别 类目 类型 标签 意图 主题 情感 归类 原因 分類 類別 類型 標籤""",
}
HEADS = {role: tuple(names.split()) for role, names in _HEADS.items()}
# With what the names of columns end that tell who, when and how far: few values, but nothing to learn.
_WHO_AND_WHEN = """
    by agent owner assignee operator editor reviewer user name date time day month year status state channel source id
    人 员 者 姓名 部门 部門 日期 时间 月份 状态 狀態 渠道 来源 备注 備註 编号"""
_ASIDE = tuple(_WHO_AND_WHEN.split())
_SAYING_NOTHING = re.compile("(text|content|body|内容|文本|正文|原文|內容)$")
INSTRUCTION = ("instruction", "指令")
INSTRUCTION_INPUT = ("input", "输入")
CONTEXT = ("context", "passage", "上下文", "背景", "材料", "参考资料")  # what a question is about
_NOT_LETTERS = re.compile(r"[\s_\-.:：]+")
_OTHERS = {*INSTRUCTION, "id", "keywords", "split", "关键词", "序号"}
# The names of turns and speakers ("order", "from") are class names and words too often to tell a header by.
_KNOWN = _OTHERS.union(*(NAMES[role] for role in (Role.SYSTEM, Role.USER, Role.ASSISTANT, Role.LABEL)))


def plain(name: str) -> str:
    """A column name without case, spaces, underscores, hyphens."""
    return _NOT_LETTERS.sub("", name).casefold()


def is_known(name: str) -> bool:
    """Whether a cell is a column name of the tutorials."""
    return plain(name) in _KNOWN


def rank(name: str, role: Role) -> int | None:
    """How well a name fits a role: 0 is best, None not at all."""
    names = NAMES.get(role, ())
    return names.index(plain(name)) if plain(name) in names else None


def is_aside(name: str) -> bool:
    """Whether a column tells who, when, where or how far."""
    return plain(name).endswith(_ASIDE)


def ends_as(name: str, role: Role) -> bool:
    """Whether a name of several words ends with one for this role."""
    return _SAYING_NOTHING.sub("", plain(name)).endswith(HEADS.get(role, ()))
