"""Graphs piece by piece: subgraphs of graphs, layers that commute with every relabelling of each, and their price."""

from isotropy.nn.subgraph._cache import Repeats as Repeats
from isotropy.nn.subgraph._classes import Census as Census
from isotropy.nn.subgraph._classes import census as census
from isotropy.nn.subgraph._layer import SubgraphLayer as SubgraphLayer
from isotropy.nn.subgraph._lift import glue as glue
from isotropy.nn.subgraph._lift import lift as lift
from isotropy.nn.subgraph._lift import on_pairs as on_pairs
from isotropy.nn.subgraph._linear import SubgraphLinear as SubgraphLinear
from isotropy.nn.subgraph._linear import size_bins as size_bins
from isotropy.nn.subgraph._network import SubgraphNetwork as SubgraphNetwork
from isotropy.nn.subgraph._norm import GraphNorm as GraphNorm
from isotropy.nn.subgraph._price import Cost as Cost
from isotropy.nn.subgraph._price import Price as Price
from isotropy.nn.subgraph._price import cost as cost
from isotropy.nn.subgraph._product import local_product as local_product
from isotropy.nn.subgraph._subgraphs import Subgraphs as Subgraphs
from isotropy.nn.subgraph._torch_geometric import ToSubgraphs as ToSubgraphs
