"""The wing that makes the infrastructure on Oracle Cloud, and takes it away again.

    place = survey(cloud, stack)                 reads what is there
    wanted = desired(resolved, facts)            pure: resources and how they hang together
    plan = difference(wanted, observed)          pure: what to create, change, replace, delete
    apply(cloud, plan)                           writes; resumed by running it again

The cloud is the state: every resource carries the stack's name and its own in tags that are set when it is made, and is
found again by them.
"""
