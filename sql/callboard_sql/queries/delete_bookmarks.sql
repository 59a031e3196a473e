-- delete_bookmarks: remove all versions of a job's bookmark.
-- takes job_id int8
-- returns version int8
-- index bookmark_pkey
-- lock the caller has the bookmark
delete from callboard.bookmark
where job_id = $1
returning version;
