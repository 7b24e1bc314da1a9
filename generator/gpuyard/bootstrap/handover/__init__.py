"""From a cluster to one that follows the stack: namespaces, Secrets, the engine and its entry, each made once.

    wanted = wishes(site)                pure: what the cluster is to have
    seen = look(api, wanted)             reads, and never the values of a Secret
    plan = compared(cluster, wanted, …)  pure: what is printed is what is carried out
    carry_out(api, plan, …)              writes; resumed by running it again

What is there is left as it is, whoever made it: the cluster is the truth, its deploy key above all.
"""
