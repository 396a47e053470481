"""How symmetric is the model that I already have? One network that turns with its inputs, and one that does not.

python examples/audit_a_model.py
"""

import torch
from torch import Tensor, nn

import isotropy
from isotropy.reps import Vector
from isotropy.testing import assert_equivariant

torch.manual_seed(0)


class Weighted(nn.Module):
    """sum_i w_i(lengths and angles) r_i: the weights see only what turning leaves alone."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = nn.Sequential(nn.Linear(16, 32), nn.SiLU(), nn.Linear(32, 4))

    def forward(self, x: Tensor) -> Tensor:
        r = x.unflatten(-1, (4, 3))
        gram = r @ r.mT
        return (self.weights(gram.flatten(-2))[..., None, :] @ r).squeeze(-2)


x = torch.randn(500, 12)
types = {"x": 4 * Vector("position"), "y": Vector("force")}
plain = nn.Sequential(nn.Linear(12, 32), nn.SiLU(), nn.Linear(32, 3))

for name, model in (("a plain network", plain), ("a network of lengths and angles", Weighted())):
    audit = isotropy.audit(model, x, types, groups=["O(3)", "SO(2)@z"], name=name)
    print(name)
    print(audit.table(), "\n")

# The same question as one line of a test; it raises and names the worst row where the answer is no.
assert_equivariant(Weighted(), "O(3)", x, types["x"], types["y"])
print("assert_equivariant: passed")
