"""What the gateway tells of the models: versions, roles, offline and live scores.

    book       what the store knows, read at most every few seconds however many clients ask
    versions   which versions there are, in which roles, and how good they were lately
    report     all of that as the API's models

Offline scores are those of the card that training wrote; live scores are sums of the store's rows. The gateway opens no
artefact and runs no model.
"""
