"""What operators do about alerts: acknowledge, comment, close. Pure.

    rule        how an action changes a record, and what a closed alert is to those who detect
    published   the actions laid between what windows show and what is published
    alerts      the alerts of this process as they are published, and the actions that wait for them

Detectors never see an operator: they go on to follow a closed alert as if it were active, and what they say of it is
withheld until its cause has ended. So closing cannot make them raise it again. An action counts once, by its
`action_id`, however often it comes; the record carries those that were applied.
"""
