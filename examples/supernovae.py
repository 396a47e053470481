"""Two models and the Pantheon supernovae, in bins with their systematics: fits, H0 for a stated M, evidence.

python examples/supernovae.py (needs the data: isotropy datasets verify pantheon-binned)
"""

from isotropy.physics.cosmology import DilatonVSL, FlatLambdaCDM
from isotropy.physics.supernovae import SNLikelihood, compare_models, load_sample

sample = load_sample("pantheon-binned")
for cov in ("stat", "stat+sys"):
    likelihood = SNLikelihood(sample, cov)
    for model in (DilatonVSL(), FlatLambdaCDM()):
        fit = likelihood.fit(model)
        told = ", ".join(f"{name} = {one}" for name, one in fit.errors.items())
        print(f"{cov:9} {fit.model:14} chi2 = {fit.chi2:.2f}, {told}, H0 = {fit.h0(M=-19.35):.1f} if M = -19.35")
    print(compare_models([DilatonVSL(), FlatLambdaCDM()], likelihood).verdict())
