"""The costs of products on one machine, for those that cannot measure theirs."""

from isotropy.nn.gaunt._costs import Prices, ProductCosts

SHIPPED = ProductCosts(
    machine="AMD EPYC 26 2, AVX512, torch 2.13.0+cpu, 1 threads, as shipped",
    forward={
        "grid": Prices(29e-6, 10.9e-6, 16e-6),
        "grid_separable": Prices(89e-6, 6.6e-6, 75e-6),
    },
    gradients={
        "grid": Prices(85e-6, 21e-6, 20e-6),
        "grid_separable": Prices(280e-6, 5e-6, 270e-6),
    },
    piece=640 << 10,
    kept=450e-6,
)
