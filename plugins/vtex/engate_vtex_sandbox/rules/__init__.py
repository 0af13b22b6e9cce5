"""Every rule by which the platform refuses, one small function each, named `refuse_...`: it raises the refusal or returns None.

They are called through their module (`catalog_rules.refuse_...`), so that a mutation run can switch one off at a time.
"""
