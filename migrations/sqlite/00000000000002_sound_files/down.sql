DROP TABLE sound_files;
