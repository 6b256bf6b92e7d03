local failed = commit()
if failed then return failed end
return { generation, unpack(statuses) }
