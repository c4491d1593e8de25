"""Personal texts are sealed under a key of their lead: whoever destroys the key has erased them from every topic.

`fields` says which texts those are, `seal` how one text is sealed, `keys` which keys there are; `sealer` is for whoever
writes inputs, `opening` for whoever may read (docs/reference/sealing.md).
"""
