"""The application on Flower (extra [federated]): what `flwr run` loads."""

from isotropy.federation._flower import client_app as client_app
from isotropy.federation._flower import server_app as server_app
