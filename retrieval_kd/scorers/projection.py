"""The linear map behind pooled states or token states, with what follows it."""

from typing import Literal

from torch import Tensor, nn

from retrieval_kd.scorers.record import Form

Activation = Literal["identity", "tanh", "sigmoid", "relu", "gelu", "silu"]
IDENTITY = "identity"
NONLINEAR: dict[str, type[nn.Module]] = {
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
}
RISING = (None, IDENTITY, "tanh", "sigmoid")  # those that put any two numbers in the order that they had
MAPPED: Form = {"projection": 0, "projection_bias": True, "projection_activation": IDENTITY}  # by default


def projection_of(form: Form, width: int) -> nn.Module:
    """The map that a form describes, of states this wide; without components, the states themselves."""
    components = form["projection"]
    if not components:
        return nn.Identity()
    kind, bias = form["projection_activation"], form["projection_bias"]
    return nn.Linear(width, components, bias=bias) if kind == IDENTITY else Bent(width, components, bias, kind)


class Bent(nn.Linear):
    """act(W x + b), component by component."""

    def __init__(self, width: int, components: int, bias: bool, kind: str) -> None:
        super().__init__(width, components, bias=bias)
        self.activation = activation_of(kind)

    def forward(self, states: Tensor) -> Tensor:
        mapped: Tensor = self.activation(super().forward(states))
        return mapped


def activation_of(kind: str) -> nn.Module:
    """A function of one number, by its name."""
    return nn.Identity() if kind == IDENTITY else NONLINEAR[kind]()
