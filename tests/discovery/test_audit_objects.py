"""What can be audited: functions of numpy, estimators, graphs of torch_geometric; in words, with the layer named."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import isotropy
from isotropy.discovery import Audit
from isotropy.errors import SchemaError
from isotropy.random import spawn


def rows(n: int = 120, p: int = 6) -> Tensor:
    return torch.randn(n, p, generator=spawn(0, n, p), dtype=torch.float64)


TYPES = {"x": "2*Vector", "y": "Scalar"}


def test_functions_of_numpy_are_models() -> None:
    def products(x: np.ndarray) -> np.ndarray:
        assert isinstance(x, np.ndarray)
        return np.einsum("nd,nd->n", x[:, :3], x[:, 3:])

    found = isotropy.audit(products, rows(), TYPES, groups="O(3),SO(2)@z")
    assert found["O(3)"].verdict == "exact to rounding"
    assert found.largest is found["O(3)"]
    assert found.model == "products"
    broken = isotropy.audit(lambda x: np.tanh(x[:, :1]), rows(), TYPES, groups="SO(3)")
    assert broken["SO(3)"].error.mean > 0.3
    assert broken.largest is None


def test_estimators_are_models() -> None:
    from sklearn.ensemble import GradientBoostingRegressor

    x = rows()
    tree = GradientBoostingRegressor(n_estimators=10, random_state=0).fit(x.numpy(), x[:, :3].norm(dim=1).numpy())
    by_method = isotropy.audit(tree.predict, x, TYPES, groups="SO(3)")
    by_itself = isotropy.audit(tree, x, TYPES, groups="SO(3)")
    assert by_method["SO(3)"].error == by_itself["SO(3)"].error
    assert by_itself["SO(3)"].verdict.startswith("approximately")
    assert by_itself.model == "GradientBoostingRegressor"


def test_what_cannot_be_called_is_refused_and_what_fails_is_told() -> None:
    with pytest.raises(SchemaError, match="can be called"):
        isotropy.audit(3, rows(), TYPES, groups="SO(3)")  # type: ignore[arg-type]

    def wrong(x: np.ndarray) -> np.ndarray:
        raise ValueError("only seven columns")

    with pytest.raises(ValueError, match="only seven columns"):
        isotropy.audit(wrong, rows(), TYPES, groups="SO(3)")


class Convolution(nn.Module):
    """Sums over neighbours of differences, weighted by distances: vectors; with a constant planted, no longer."""

    def __init__(self, planted: float) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.weight = nn.Sequential(nn.Linear(2, 8), nn.SiLU(), nn.Linear(8, 1))
        self.gather = Gather(planted)

    def forward(self, data: object) -> Tensor:
        pos, (source, target) = data.pos, data.edge_index  # type: ignore[attr-defined]
        difference = pos[source] - pos[target]
        told = torch.cat([difference.square().sum(1, keepdim=True), data.edge_attr], 1)  # type: ignore[attr-defined]
        return self.gather(difference * self.weight(told), data.batch[target], data.num_graphs)  # type: ignore[attr-defined]


class Gather(nn.Module):
    def __init__(self, planted: float) -> None:
        super().__init__()
        self.planted = planted

    def forward(self, sent: Tensor, graph: Tensor, count: int) -> Tensor:
        y = sent.new_zeros(count, 3).index_add(0, graph, sent)
        return y + self.planted * torch.tensor([0.0, 0.0, 1.0])


def graphs(count: int = 24) -> object:
    data = pytest.importorskip("torch_geometric.data")
    found = []
    for i in range(count):
        n = 4 + i % 3
        edges = torch.randint(0, n, (2, 3 * n), generator=spawn(i, "edges"))
        pos = torch.randn(n, 3, generator=spawn(i, "pos"))
        kind = torch.rand(3 * n, 1, generator=spawn(i, "kind"))
        found.append(data.Data(pos=pos, edge_index=edges, edge_attr=kind))
    return data.Batch.from_data_list(found)


def test_models_of_torch_geometric() -> None:
    types = {"x": {"pos": "Cloud(Point)"}, "y": "Vector"}
    exact = isotropy.audit(Convolution(0.0), graphs(), types, groups="E(3)", windows={"E(3)": 1.0})
    assert exact["E(3)"].verdict == "exact to rounding"
    assert not exact["E(3)"].blame.layer
    broken = isotropy.audit(Convolution(0.5), graphs(), types, groups="SE(3)", windows={"SE(3)": 1.0})
    assert broken["SE(3)"].error.mean > 0.05
    assert broken["SE(3)"].blame.layer == "gather"


def test_the_layer_is_named_and_the_words_too() -> None:
    class Scaled(nn.Module):
        def __init__(self, axes: float) -> None:
            super().__init__()
            self.axes = axes

        def forward(self, x: Tensor) -> Tensor:
            return x * torch.tensor([1.0, 1.0, self.axes])

    class Gated(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x * torch.sigmoid(x.square().sum(-1, keepdim=True))

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.gate, self.second, self.last = Scaled(1.0), Gated(), Scaled(1.2), Gated()

        def forward(self, x: Tensor) -> Tensor:
            return self.last(self.second(self.gate(self.first(x.unflatten(1, (-1, 3)))))).sum(1)

    found = isotropy.audit(Net(), rows().float(), {"x": "2*Vector", "y": "Vector"}, groups="SO(3),SO(2)@z")
    assert found["SO(3)"].blame.layer == "second"
    assert found["SO(2)@z"].verdict == "exact to rounding"
    assert not found["SO(2)@z"].blame.layer
    said = found.table() + str(found.blocks()[0])
    assert "The largest group that holds is SO(2)@z, exact to rounding" in said
    assert "lost in `second`" in said
    assert Audit.from_json(found.to_json()) == found


def test_attention_of_torch_has_layers_and_derivatives() -> None:
    """The fused operations of evaluation have no derivatives along generators; the setting is put back."""
    torch.manual_seed(0)
    encoder = nn.TransformerEncoder(
        nn.TransformerEncoderLayer(8, 2, 8, batch_first=True), 1, enable_nested_tensor=False
    )
    model = nn.Sequential(nn.Linear(3, 8), encoder, nn.Linear(8, 3))
    before = torch.backends.mha.get_fastpath_enabled()
    types = {"x": "Cloud(Vector)", "y": "Cloud(Vector)"}
    found = isotropy.audit(model, rows(60, 12).float().unflatten(1, (4, 3)), types, groups="SO(3)", progress=False)
    assert found["SO(3)"].lie is not None
    assert found["SO(3)"].blame.layer == "1.layers.0.self_attn"
    assert torch.backends.mha.get_fastpath_enabled() is before


@pytest.mark.parametrize("kind", [nn.Linear, dict])
def test_a_class_is_no_model(kind: type) -> None:
    with pytest.raises(SchemaError, match=rf"the class {kind.__name__}; expected a model; make one"):
        isotropy.audit(kind, rows(), TYPES, groups="SO(3)")


def test_where_nothing_holds_no_group_is_called_close() -> None:
    found = isotropy.audit(lambda x: x[:, :1] + 4 * x[:, 4:5], rows(), TYPES, groups="O(3),SO(3)")
    assert found.headline().startswith("No group holds, not even approximately. The smallest error is that of")
    one = isotropy.audit(lambda x: x[:, :1], rows(), TYPES, groups="SO(3)").headline()
    assert one.startswith("SO(3) does not hold, not even approximately: relative error")
