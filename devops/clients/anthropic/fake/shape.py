"""What the API documents of a request; the fake refuses the rest with 400."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Text(_Strict):
    """A text."""

    type: Literal["text"]
    text: str = Field(min_length=1)
    citations: list[Any] | None = None


class ToolUseBlock(_Strict):
    """A wish of the model, sent back to it."""

    type: Literal["tool_use"]
    id: str = Field(pattern=r"^[a-zA-Z0-9_-]+$")
    name: str
    input: dict[str, Any]


class ToolResult(_Strict):
    """What a tool gave."""

    type: Literal["tool_result"]
    tool_use_id: str
    content: str | list[Text] = ""
    is_error: bool = False


Block = Annotated[Text | ToolUseBlock | ToolResult, Field(discriminator="type")]


class Message(_Strict):
    """One turn."""

    role: Literal["user", "assistant"]
    content: str | list[Block]


class Tool(_Strict):
    """A tool that is offered."""

    name: str = Field(pattern=r"^[a-zA-Z0-9_-]{1,128}$")
    description: str = ""
    input_schema: dict[str, Any]


class MessagesRequest(_Strict):
    """The body of `POST /v1/messages`, as far as we use it."""

    model: str = Field(min_length=1)
    max_tokens: int = Field(ge=1)
    messages: list[Message] = Field(min_length=1)
    system: str | list[Text] | None = None
    tools: list[Tool] | None = None
    stream: bool = False

    @model_validator(mode="after")
    def _ordered(self) -> "MessagesRequest":
        if self.messages[0].role != "user":
            raise ValueError("messages: first message must use the user role")
        if self.messages[-1].role != "user":
            raise ValueError("messages: this model does not support assistant message prefill")
        asked: set[str] = set()
        for message in self.messages:
            blocks = [] if isinstance(message.content, str) else message.content
            given = {each.tool_use_id for each in blocks if isinstance(each, ToolResult)}
            if asked != given:
                raise ValueError("messages: each tool_use must have its tool_result in the next")
            asked = {each.id for each in blocks if isinstance(each, ToolUseBlock)}
        return self
